"""Reading the metric from a whole log: which line counts, what is said where none does."""

import re

import pytest
from pydantic import ValidationError

from agent.records.bounded import MAX_REAL
from sandbox.score.forms import LARGEST
from sandbox.score.lines import PIECE_BYTES, is_rule
from sandbox.score.metric import BITS_PER_BYTE, Metric, NotRead, Reading
from sandbox.score.printed import MAX_FACTS, read_summary
from sandbox.score.reading import read_also, read_metric

ACCURACY = Metric(name="val_acc")


@pytest.fixture
def read(tmp_path):
    """Reads a metric of a text."""
    log = tmp_path / "log"

    def read(text: str | bytes, metric: Metric = BITS_PER_BYTE) -> Reading | NotRead:
        log.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return read_metric(log, metric)

    return read


# ---------------------------------------------------------------- what people really print


def test_case_02_a_score_that_is_no_bits_per_byte(read):
    assert read("---\nval_bpb: 152.3\n") == NotRead(
        status="invalid",
        reason='it printed "val_bpb: 152.3"; val_bpb is to be strictly between 0 and 100',
    )
    assert read("---\nfid: 152.3\n", Metric(name="fid")).value == 152.3
    assert read("---\nval_bpb: 152.3\n", Metric(name="val_bpb")).value == 152.3
    assert read("latency: -3\n", Metric(name="latency", low=0)).status == "invalid"
    assert read("acc: 90\n", Metric(name="acc", high=1)).status == "invalid"


@pytest.mark.parametrize("value", ["0", "0.0", "100", "100.0", "-1", "1e9"])
def test_case_02_bits_per_byte_keep_their_bounds(read, value):
    assert read(f"---\nval_bpb: {value}\n").status == "invalid"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_case_02_the_bounds_of_an_owner_are_inside(read, value):
    assert read(f"acc: {value}", Metric(name="acc", low=0, high=1)).value == value


@pytest.mark.parametrize("name", ["val_bpb", "val_acc"])
@pytest.mark.parametrize("count", [31, 32, 40, 1000])
def test_case_05_facts_do_not_crowd_out_the_metric(read, tmp_path, count, name):
    facts = "".join(f"cfg_{i}: {i}\n" for i in range(count))
    assert read(f"---\n{facts}{name}: 0.9\n", Metric(name=name)).value == 0.9
    shown = read_summary(tmp_path / "log", without=name)
    assert len(shown) == min(count, MAX_FACTS)
    assert name not in shown


BARS = {
    "tqdm": "\r  0%|          | 0/3 [00:00<?, ?it/s]\r                    \r",
    "left": "\r100%|██████████| 3/3 [00:00<00:00, 9it/s]\n",
    "broken": "\r100%|██████████| 3/3 [00:00<00:00, 9it/s]",
    "Keras": "\x08" * 40 + "\r100/100 [====] - 1s\n",
    "rich": "\x1b[?25l\x1b[2K\rworking \x1b[35m━━━\x1b[0m\x1b[2K\r\x1b[?25h",
}


@pytest.mark.parametrize("bar", BARS.values(), ids=BARS)
def test_case_06_a_bar_between_rule_and_score(read, tmp_path, bar):
    reading = read(f"---\n{bar}val_bpb: 0.9\nnum_steps: 3\n")
    assert (reading.value, reading.blocks) == (0.9, 1)
    assert read_summary(tmp_path / "log", without="val_bpb") == {"num_steps": 3}


def test_case_06_what_a_carriage_return_overwrote_does_not_count(read):
    assert read("val_acc: 0.1\rval_acc: 0.2\r\r\n", ACCURACY).value == 0.2
    assert read("val_acc: 0.1\rval_acc: 0.2\r", ACCURACY).value == 0.2
    assert isinstance(read("val_acc: 0.1\rdone\n", ACCURACY), NotRead)


def test_case_09_no_rule(read):
    reading = read("val_bpb: 0.90\n")
    assert (reading.value, reading.blocks, reading.line) == (0.9, 0, "val_bpb: 0.90")


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-01-31 10:00:00,123 INFO ",
        "INFO:root:",
        "[rank0]:",
        "[2026-01-31 10:00:00][train][INFO] - ",
        "10:00:00 | INFO     | __main__:main:3 - ",
        "\x1b[32m2026-01-31 10:00:00\x1b[0m \x1b[1mINFO\x1b[0m: ",
    ],
)
def test_case_10_a_loggers_prefix(read, prefix):
    reading = read(f"{prefix}---\n{prefix}val_bpb: 0.90\n{prefix}num_steps: 3\n")
    assert (reading.value, reading.blocks) == (0.9, 1)


SPELLINGS = [
    "val_bpb:0.90",
    "val_bpb=0.90",
    "  val_bpb: 0.90",
    "val_bpb: 0.90 (best 0.89)",
    "val_bpb: tensor(0.90)",
    "val_bpb: np.float64(0.9)",
    "val_bpb\t0.90",
    "\x1b[1mval_bpb\x1b[0m: \x1b[32m0.90\x1b[0m",
]


@pytest.mark.parametrize("line", SPELLINGS)
@pytest.mark.parametrize("before", ["", "---\n"])
def test_case_11_the_spelling_of_the_line(read, before, line):
    assert read(f"{before}{line}\n").value == 0.9


@pytest.mark.parametrize("size", [70_000, 3 * PIECE_BYTES])
@pytest.mark.parametrize("end", ["", "\n"])
def test_case_12_much_printed_behind_the_summary(read, tmp_path, size, end):
    summary = "---\nval_bpb: 0.9\nnum_steps: 3\n"
    for flood in ("x" * size, "x\n" * (size // 2), "a b: c\r" * (size // 7)):
        assert read(summary + flood + end).value == 0.9
        assert read_summary(tmp_path / "log", without="val_bpb") == {"num_steps": 3}


# ---------------------------------------------------------------- which one counts


def test_the_last_one_wins(read):
    reading = read("val_acc: 0.1\nval_acc: 0.2\nval_acc = 0.3\n", ACCURACY)
    assert (reading.value, reading.times, reading.blocks) == (0.3, 3, 0)


def test_a_second_summary_is_counted(read):
    assert read("---\nval_bpb: 0.9\n---\nval_bpb: 0.1\n").blocks == 2
    assert read("---\nval_bpb: 0.9\nval_bpb: 0.1\n").blocks == 1
    assert read("---\nval_bpb: 0.9\n---\nnum_steps: 1\n").blocks == 1
    assert read("val_bpb: 0.8\n---\nval_bpb: 0.9\n---\n").blocks == 1
    assert read("---\n---\nval_bpb: 0.9\n").blocks == 1


def test_a_mention_behind_a_summary_is_not_the_score(read):
    mention = "gain (baseline: val_bpb=0.95)\n"
    assert read(f"---\nval_bpb: 0.9\n{mention}").value == 0.9
    assert read(f"---\n{mention}val_bpb: 0.9\n{mention}").value == 0.9
    assert read(f"---\nval_bpb: 0.8\n{mention}val_bpb: 0.9\n").value == 0.9
    assert read(f"---\nval_bpb: 0.9\n---\n{mention}").value == 0.95


@pytest.mark.parametrize(
    "line", ["--- epoch 3 ---", "-----", "----", "a ---", "| --- | --- |", "- ---"]
)
def test_what_is_no_rule(line):
    assert not is_rule(line)


@pytest.mark.parametrize("last", ["nan", "inf", "-inf", "None", "tensor(nan)", "1e999"])
def test_a_value_that_is_no_number_is_a_failure_whatever_came_before(read, last):
    result = read(f"val_acc: 0.9\nval_acc: {last}\n", ACCURACY)
    assert isinstance(result, NotRead)
    assert result.status == "crash"
    assert f'"val_acc: {last}"' in result.reason
    assert read(f"val_acc: {last}\nval_acc: 0.9\n", ACCURACY).value == 0.9


def test_a_unit_is_recorded(read):
    reading = read("val_acc: 90.5%\n", ACCURACY)
    assert (reading.value, reading.unit) == (90.5, "%")
    assert read("val_acc: 90.5\n", ACCURACY).unit == ""


def test_other_metrics_are_recorded_with_it(read, tmp_path):
    metric = Metric(name="val_acc", also=("loss", "params_m", "absent", "broken"))
    reading = read("loss: 2\nval_acc: 0.9, loss: 1\nbroken: nan\nparams_m: 3 M\n", metric)
    assert reading.also == {"loss": 1, "params_m": 3}
    assert reading.units == {"loss": "", "params_m": "M"}
    also = read_also(tmp_path / "log", ("loss", "val_acc"))
    assert {name: other.value for name, other in also.items()} == {"loss": 1, "val_acc": 0.9}


def test_the_line_that_was_read_is_shown_printable_and_short(read):
    assert read("\x1b[31mval_acc\x1b[0m: 0.9 \u202e\x07\n", ACCURACY).line == (
        "val_acc: 0.9 \\u202e\\x07"
    )
    line = read("a" * 500 + " val_acc: 0.9 " + "b" * 500, ACCURACY).line
    assert "val_acc: 0.9" in line
    assert len(line) <= 160


def test_no_secret_is_quoted(read, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "abc-123-XYZ-456")
    for text in (
        "abc-123-XYZ-456 val_acc: 0.9",
        "x" * 60 + " abc-123-XYZ-456" + " y" * 25 + " val_acc: 0.9",
        "Val Acc: abc-123-XYZ-456",
    ):
        said = str(read(text, ACCURACY))
        assert "XYZ" not in said
        assert "456" not in said


# ---------------------------------------------------------------- what is said where none counts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it printed nothing"),
        ("hello\n\n", 'its last line is "hello"'),
        ("took\n12.5 ms\n", """its last line is "12.5 ms", which pattern = '^(.+)$' reads"""),
        ("Val Acc: 0.9\nbye\n", 'nearest line is "Val Acc: 0.9", which metric = "Val Acc" reads'),
        ("val-acc: 0.9\n", 'which metric = "val-acc" reads'),
        ("val_accuracy: 0.9\n", 'which metric = "val_accuracy" reads'),
        ("loss: 3\nacc: 0.9\n", 'which metric = "acc" reads'),
        ("best val_acc: 0.9\n", 'which metric = "best val_acc" reads'),
        ("eval/val_acc: 0.9\n", 'which metric = "eval/val_acc" reads'),
        ('{"eval": {"val_acc": 0.9}}\n', 'which metric = "eval.val_acc" reads'),
        ("val_acc: 0.8 -> 0.9\n", 'not one plain number follows the name in "val_acc: 0.8 -> 0.9"'),
        (
            "Val acc after 3 epochs (best) = 89.5%\n",
            r"which pattern = 'Val acc after \d+ epochs \(best\) = (.+)' reads",
        ),
        ("val_acc: see below\n", "not one plain number follows the name"),
        ("final val_acc ==> 0.9\n", "which pattern = 'val_acc ==> ("),
        ("val_acc;0.9\n", "which pattern = 'val_acc;("),
        ("<val_acc>0.9</val_acc>\n", "which pattern = 'val_acc>("),
        ("val_acc was 0.9\n", "which pattern = 'val_acc was ("),
        ("val_acc: 0.9 -> saved\n", "which pattern = 'val_acc: ("),
        ("n=512 0.9 val_acc\n", "[ \\t]+val_acc' reads"),
        ("val_acc: 1.2M\n", 'follows the name in "val_acc: 1.2M"'),
        ("val_acc 3 epochs ago\n", 'follows the name in "val_acc 3 epochs ago"'),
        ("val_acc (test): 0.9\n", 'which metric = "val_acc (test)" reads'),
        ('{"a": [{"val_acc": 0.9}]}\n', 'which metric = "a.0.val_acc" reads'),
        ('{\n  "a": {\n    "val_acc": 1\n  },\n  "b": {"val_acc": 2}\n}\n', '"a.val_acc" reads'),
        ("val_acc: 0,912\n", '"val_acc: 0,912": a number has a decimal point'),
        ("précision : 0.9\n", 'its last line is "précision : 0.9"'),
    ],
)
def test_the_reason_quotes_the_line_that_nearly_fits(read, text, said):
    result = read(text, ACCURACY)
    assert isinstance(result, NotRead)
    assert result.status == "crash"
    assert said in result.reason
    proposed = re.search(r'which metric = "(.*)" reads', result.reason)
    if proposed:  # what is proposed works
        assert isinstance(read(text, Metric(name=proposed[1])), Reading)
    proposed = re.search(r"which pattern = '(.*)' reads", result.reason)
    if proposed:
        assert isinstance(read(text, Metric(name="val_acc", pattern=proposed[1])), Reading)


@pytest.mark.parametrize(
    "value", ["1'234.5", "1 234.5", "1\u00a0234,5", "0٫9", "- 0.5", "–0.5", "-€ 5", "<0.5", "1.#NO"]
)
def test_no_pattern_is_proposed_that_reads_another_number(read, value):
    result = read(f"val_acc; {value}\n", ACCURACY)
    assert isinstance(result, NotRead)
    assert "reads" not in result.reason
    assert f'follows the name in "val_acc; {value[:1]}' in result.reason


# ---------------------------------------------------------------- the owner's pattern


@pytest.mark.parametrize(
    ("pattern", "text", "value", "unit"),
    [
        (r"final acc (\S+)", "final acc 0.93\n", 0.93, ""),
        (
            r"^score=(?P<value>[^;]+);(\w+)$",
            "x score=1;a\nscore=1,234.5;b\nscore=3;c d\n",
            1234.5,
            "",
        ),
        (r"acc is (\S+)", "acc is 0.1 acc is 90%\n", 90, "%"),
        (r"(?i)ACCURACY.*?([\d.]+)", "Accuracy of it: 0.5\n", 0.5, ""),
        (r"([0-9.]+)$", "1\n2\n3 \n", 2, ""),
        (r"acc (.*)", "acc tensor(0.5)\n", 0.5, ""),
    ],
)
def test_a_pattern(read, pattern, text, value, unit):
    reading = read(text, Metric(name="acc", pattern=pattern))
    assert (reading.value, reading.unit) == (value, unit)


def test_a_pattern_stays_within_a_line(read):
    assert isinstance(read("a\n0.5\n", Metric(name="m", pattern=r"a\s+([0-9.]+)")), NotRead)
    assert isinstance(read("a\n0.5\n", Metric(name="m", pattern=r"a[^x]([0-9.]+)")), NotRead)
    assert isinstance(read("a\n0.5\n", Metric(name="m", pattern=r"a\n([0-9.]+)")), NotRead)
    assert read("0.5\n\n", Metric(name="m", pattern=r"^([0-9.]+)$")).value == 0.5


def test_a_pattern_without_a_match_or_a_number(read):
    metric = Metric(name="acc", pattern=r"acc (\S+)")
    assert 'found "high" in "acc high", which is no number' in read("acc high\n", metric).reason
    assert 'no line that it printed matches the pattern "acc (\\S+)"' in read("x\n", metric).reason
    assert read("acc 0.9\nacc nan\n", metric).status == "crash"
    assert read("acc 0.9\nacc high\n", metric).value == 0.9


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("acc", "0 groups"),
        (r"(a)(b)", "2 groups"),
        (r"(a", r"not valid: missing \): \(a$"),
        (r"a)(b", "not valid"),
        (r"(a)\1", "not valid"),
        (r"(?<=x)(a)", "not valid"),
        (r"(a{9999})", "not valid"),
        ("(" + "a" * 2000 + ")", "characters"),
        ("(\ud800)", "not valid"),
    ],
)
def test_a_pattern_that_cannot_be_used(pattern, said):
    with pytest.raises(ValidationError) as refused:
        Metric(name="acc", pattern=pattern)
    assert re.search(said, refused.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(?P<value>(a|a)*)b", r"(.*.*.*.*.*)=.*x", r"(x+x+)+y"]
)
def test_no_pattern_takes_long(read, pattern):
    """An engine that backtracks would end at the tests' timeout."""
    metric = Metric(
        name="acc", pattern=f"(?P<value>{pattern})" if "value" not in pattern else pattern
    )
    text = ("a" * 50_000 + "!\n") * 10 + ("x" * 1000 + "\n") * 100
    assert isinstance(read(text, metric), NotRead)


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\x1b", "\u202ea", "a" * 101])
def test_names_that_are_refused(name):
    with pytest.raises(ValidationError):
        Metric(name=name)
    with pytest.raises(ValidationError):
        Metric(name="a", also=(name,))


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="wrong order"):
        Metric(name="a", low=1, high=0)


def test_a_required_metric_that_is_missing_or_not_finite_fails_the_run(read):
    metric = Metric(name="val_acc", also=("latency_ms",), required=("latency_ms",))
    missing = read("val_acc: 0.9\nlatency: 20\n", metric)
    assert isinstance(missing, NotRead) and missing.status == "crash"
    assert missing.reason.startswith("a guard needs latency_ms: ")
    assert 'which the name "latency" reads' in missing.reason
    broken = read("val_acc: 0.9\nlatency_ms: nan\n", metric)
    assert isinstance(broken, NotRead)
    assert 'the last value of it is not finite: "latency_ms: nan"' in broken.reason
    there = read("val_acc: 0.9\nlatency_ms: 20\n", metric)
    assert isinstance(there, Reading) and there.also == {"latency_ms": 20}


@pytest.mark.parametrize("value", ["4.8e145", "-1e91", "1e400"])
def test_a_training_that_diverged_has_no_score(read, value):
    metric = Metric(name="val_mse", also=("train_mse",))
    reading = read(f"val_mse: {value}\n", metric)
    assert isinstance(reading, NotRead)
    assert reading.status == "crash" and value in reading.reason
    reading = read(f"train_mse: {value}\nval_mse: 1e89\n", metric)
    assert isinstance(reading, Reading)
    assert (reading.value, reading.also) == (1e89, {})
    assert LARGEST == MAX_REAL, "what is read can be recorded"
