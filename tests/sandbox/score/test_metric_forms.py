"""Each form in which people print a number, alone and behind what stands before it."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.score.forms import Form, json_paths, parse_value

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHORT = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
NAMES = st.sampled_from(
    ["val_acc", "val_bpb", "loss", "Test accuracy", "eval.acc", "eval/acc", "acc@1", "r2", "ψ", "a"]
)

LINES = {
    "colon": "{name}: {value}",
    "no space": "{name}:{value}",
    "equals": "{name}={value}",
    "spaces": "  {name}   =   {value}  ",
    "METRIC": "METRIC {name}={value}",
    "logger": "2026-01-31 10:00:00,123 INFO {name}: {value}",
    "basicConfig": "INFO:root:{name}: {value}",
    "torchrun": "[rank0]: {name}: {value}",
    "brackets": "[2026-01-31 10:00:00][train.py:31][INFO] - {name}: {value}",
    "bar": "100%|█████| 3/3 [00:00<00:00, 3.1it/s]{name}: {value}",
    "among others": "Epoch 3/10 - time: 12s - {name}: {value} - lr: 0.001",
    "commas": "step=3, {name}={value}, lr=1e-3",
    "table": "│      {name}      │   {value}   │",
    "markdown": "| **{name}** | {value} |",
    "dict": "{{'epoch': 3, '{name}': {value}, 'more': 1}}",
    "with the best": "{name}: {value} (best 0.89)",
    "sentence": "Done, {name}: {value}.",
    "tensor": "{name}: tensor({value})",
    "cuda tensor": "{name}: tensor({value}, device='cuda:0', dtype=torch.float64)",
    "list of one": "{name}: [{value}]",
    "NumPy": "{name}: np.float64({value})",
    "JAX": "{name}: Array({value}, dtype=float32)",
    "TensorFlow": "{name}: <tf.Tensor: shape=(), dtype=float32, numpy={value}>",
    "Decimal": "{name}: Decimal('{value}')",
    "unit in the name": "{name} (%): {value}",
    "quoted": "{name}: '{value}'",
    "improved": "{name}: {value}*",
    "dots": "{name} ........ {value}",
    "arrow": "{name} -> {value}",
    "is": "{name} is {value}",
    "aligned": "{name}                    {value}      x",
    "Keras": "100/100 ━━━━━━━━━ 1s 3ms/step - {name}: {value} - lr: 0.1",
    "loguru": "2026-01-31 10:00:00.123 | INFO     | __main__:train:31 - {name}: {value}",
    "absl": "I0131 10:00:00.123456 1234 train.py:31] {name}: {value}",
    "logfmt": "level=info {name}={value} lr=0.1",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@settings(max_examples=25)
@given(name=NAMES, value=NUMBERS)
def test_what_is_written_is_read_back(line, name, value):
    printed = Form(name).last(line.format(name=name, value=value))
    assert printed is not None
    assert (printed.value, printed.unit) == (value, "")


@given(
    name=NAMES, value=NUMBERS, before=st.text(st.characters(exclude_characters="{\n"), max_size=9)
)
def test_json(name, value, before):
    line = before + json.dumps({"epoch": 3, name: value, "more": {"x": [1]}}) + " done"
    printed = Form(name).last(line)
    assert printed is not None and printed.value == value


@given(value=NUMBERS)
def test_json_by_path(value):
    line = json.dumps({"train": {"acc": 7}, "eval": {"acc": value, "top": {"acc": 8}}, "acc": 9})
    assert [Form(name).last(line).value for name in ("eval.acc", "eval/acc")] == [value, value]
    assert Form("acc").last(line).value == 9
    assert Form("eval.top.acc").last(line).value == 8
    assert Form("top.acc").last(line) is None
    assert Form("x.acc").last(line) is None


def test_json_by_the_number_of_a_list():
    line = json.dumps({"folds": [{"acc": 7}, {"acc": 8}], "0": 3})
    assert Form("folds.1.acc").last(line).value == 8
    assert Form("folds.2.acc").last(line) is None
    assert Form("acc").last(line) is None
    assert json_paths(json.loads(line), "acc") == ["folds.0.acc", "folds.1.acc"]


def test_the_last_of_several_objects_on_a_line():
    line = '{"rank": 0} {"eval": {"acc": 7}} {"eval": {"acc": 8}} {eval.acc: 9} {"x": 1}'
    assert Form("eval.acc").last(line).value == 8
    assert Form("rank").last(line).value == 0


@pytest.mark.parametrize("name", ["précision", "pre\u0301cision"])
def test_an_accent_may_be_written_in_either_way(name):
    for line in ("précision : 0.9", "pre\u0301cision: 0.9", '{"pre\u0301cision": 0.9}'):
        assert Form(name).gives(line)
        assert Form(name).last(line).value == 0.9


def test_names_and_colons_of_other_scripts():
    assert Form("精度").last("精度：0.9").value == 0.9
    assert Form("acc").last("**acc:** 0.9").value == 0.9
    assert Form("score").last("The final score is: 0.9").value == 0.9


def test_a_key_with_a_dot_comes_before_a_path():
    assert Form("eval.acc").last('{"eval": {"acc": 1}, "eval.acc": 2}').value == 2


@given(value=st.integers(-(10**15), 10**15), places=st.integers(0, 4))
def test_thousands(value, places):
    for grouped in (
        f"{value:,}",
        f"{value:_}",
        f"{value}.{'5' * places}",
        f"{value:,}.{'5' * places}",
    ):
        expected = float(grouped.replace(",", "").replace("_", ""))
        assert Form("n").last(f"n: {grouped}").value == expected


@pytest.mark.parametrize("separator", ["'", "’", "\u00a0", "\u202f", "\u2009"])
def test_thousands_of_other_places(separator):
    assert Form("n").last(f"n: -1{separator}234{separator}567.5 x").value == -1234567.5
    assert Form("n").last(f"n: 1{separator}234,5") is None


@given(value=SHORT)
def test_every_way_to_format_a_float(value):
    for text in (
        f"{value:f}",
        f"{value:e}",
        f"{value:E}",
        f"{value:g}",
        f"{value:+.4f}",
        f"{value:,.3f}",
    ):
        expected = float(text.replace(",", ""))
        assert Form("x").last(f"x: {text}").value == expected
        assert Form("x").last(f"x {text}").value == expected


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("90.5%", 90.5, "%"),
        ("90.5 %", 90.5, "%"),
        ("12ms", 12, "ms"),
        ("12.5 ms", 12.5, "ms"),
        ("3 s", 3, "s"),
        ("3 s/it", 3, "s/it"),
        ("1,024 MiB", 1024, "MiB"),
        ("45/50", 0.9, ""),
        ("9000/10000 (90%)", 0.9, ""),
        ("0.9 ± 0.1", 0.9, ""),
        ("0.9, 0.8", 0.9, ""),
        ("0.5 min: 0.4", 0.5, ""),
        ("−0.5", -0.5, ""),
        (".5", 0.5, ""),
        ("5.", 5, ""),
        ("1e3", 1000, ""),
        ("007", 7, ""),
        ("12 milliseconds", 12, "milliseconds"),
        ("12.5 minutes", 12.5, "minutes"),
        ("90 percent", 90, "percent"),
        ("9‰", 9, "‰"),
        ("12.5ms/step", 12.5, "ms/step"),
        ("80 MB/s", 80, "MB/s"),
        ("80 samples/sec", 80, "samples/sec"),
        ("1.5 M", 1.5, "M"),
        ("90\u202f%", 90, "%"),
        ("-$5.50", -5.5, ""),
        ("$-5.50", -5.5, ""),
        ("(0.9,)", 0.9, ""),
        ("0.9 0.8 0.7", 0.9, ""),
    ],
)
def test_units_and_spellings(text, value, unit):
    printed = Form("acc").last(f"acc: {text}")
    assert (printed.value, printed.unit) == (value, unit)


@pytest.mark.parametrize(
    "line",
    [
        "best val_acc: 0.9",
        "Best val_acc = 0.9",
        "train val_acc: 0.9",
        "eval/val_acc: 0.9",
        "eval.val_acc: 0.9",
        "my_val_acc: 0.9",
        "my-val_acc: 0.9",
        "val_acc_top5: 0.9",
        "val_acc2: 0.9",
        "Val_acc: 0.9",
        "val_acc: 0.8 -> 0.9",
        "val_acc: 0.8 → 0.9",
        "val_acc improved from 0.8 to 0.9",
        "val_acc: 0.8 to 0.9",
        "val_acc: 0,9",
        "val_acc: 0,912",
        "val_acc: -0,912",
        "val_acc: 00,912",
        "val_acc: 1 234.5",
        "val_acc: 12 345",
        "val_acc: 0٫9",
        "val_acc: 0·9",
        "val_acc: ($5.50)",
        "val_acc: (1,234.50)",
        "val_acc (train): 0.9",
        "val_acc (Best): 0.9",
        "val_acc 5: 0.9",
        "val_acc: 2 min 3 s",
        "val_acc: 1 h 2 min",
        "val_acc: 2 minutes 3.5 seconds",
        "val_acc 5 = 0.9",
        "val_acc: 1,23,456",
        "val_acc: 1.2.3",
        "val_acc: 0\u200b.9",
        "val_acc: 1\u00ad2",
        "val_acc: 0.9\u2060\u20601",
        "val_acc: 0.9" + "\u200b" * 40 + "1",
        "val_acc: 0.9\ufe0f1",
        "val_acc: 0.9\u034f\U000e00351",
        "val_acc: 0.91\b\b2",
        "val_acc: 0.9\x001",
        "val_acc: 1\u2007234",
        "val_acc: 0.9\u30001",
        "val_acc: 2**3",
        "val_acc: 2026-01-31",
        "val_acc: 10:30",
        "val_acc: 1/2/2026",
        "val_acc: 3 of 10",
        "val_acc: 3 out of 10",
        "val_acc: 1.2x10",
        "val_acc: 1.2 × 10^3",
        "val_acc: 2**-3",
        "val_acc: 2⁻³",
        "val_acc: 1.5 e-3",
        "val_acc: 0.9abc",
        "val_acc: [0.9, 0.8]",
        "val_acc: tensor([0.9, 0.8])",
        "val_acc: (0.9, 0.8)",
        "val_acc: 0x1F",
        "val_acc: ٣",
        "val_acc 3 epochs without a gain",
        "val_acc",
        "val_acc:",
        ": 0.9",
        '{"val_acc": true}',
        '{"val_acc": [0.9]}',
        '{"val_acc": "good"}',
        '{"eval": {"val_acc": 0.9}}',
    ],
)
def test_what_is_not_plainly_the_number(line):
    assert Form("val_acc").last(line) is None
    assert not Form("val_acc").gives(line)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "tensor(nan)",
        "None",
        "null",
        "1e999",
        "1/0",
        "1.#INF",
        "-1.#IND",
    ],
)
def test_what_is_no_number_is_said_and_not_skipped(text):
    printed = Form("acc").last(f"acc: 0.9 acc: {text}")
    assert not math.isfinite(printed.value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "null", "1e999", "9" * 5000])
def test_what_is_no_number_in_json(text):
    assert not math.isfinite(Form("acc").last(f'{{"acc": {text}}}').value)


def test_no_zero_has_a_sign():
    for line in ("a: -0.0", '{"a": -0.0}', "a: −0", "a: -0%"):
        assert str(Form("a").last(line).value) == "0.0"


def test_the_last_on_a_line_counts():
    assert Form("a").last("a: 1 a: 2 best a: 3 a=4, b: 5").value == 4
    assert Form("loss").last("loss: 1 - val_loss: 2 - train loss: 3").value == 1


def test_a_number_behind_a_space_alone():
    assert Form("val loss").last("step 250: train loss 1.2, val loss 1.4").value == 1.4
    assert Form("acc").last("wandb: acc 3").value == 3
    assert Form("acc").last("acc 3, loss 4").value == 3


def test_paths_of_a_key():
    assert json_paths({"a": {"x": 1, "b": {"x": 2}}, "x": 3}, "x") == ["x", "a.x", "a.b.x"]


ALPHABET = st.sampled_from(list("val_acc:= |0123456789.,eE+-%{}[]()\"'/\\\t\x1b\r\x00→ntior"))


@settings(max_examples=300)
@given(text=st.text(ALPHABET, max_size=60) | st.text(max_size=60))
def test_no_text_raises(text):
    for name in ("val_acc", "a", "a.c"):
        for line in (text, f"{name}: {text}", f'{{"{name}": {text}'):
            form = Form(name)
            printed = form.last(line)
            assert form.gives(line) == (printed is not None)
    parse_value(text)


@pytest.mark.parametrize("depth", [10, 100_000])
def test_deeply_nested_json_is_no_reading(depth):
    assert Form("acc").last('{"acc":' + "[" * depth) is None
    assert Form("acc").last('{"acc":' * depth) is None


PAGE = (Path(__file__).parents[3] / "docs/printed.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| (?:([\d.]+)(?: (\S+))?|no score: .+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("line", "value", "unit"), ROWS)
def test_the_page_says_how_a_line_is_read(line, value, unit):
    printed = Form("val_acc").last(line)
    expected = (float(value), unit) if value else None
    assert (printed and (printed.value, printed.unit)) == expected


def test_the_page_has_many_lines():
    assert len(ROWS) == 26
