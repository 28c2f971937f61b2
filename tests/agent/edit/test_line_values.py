"""Values of INI files, gin and shell scripts: found, set with all else kept, searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit.files import Sources, apply_edits, guard_files
from agent.edit.files.one import difference_in, edited
from agent.edit.literal import Literal
from agent.edit.values import Entry, Language, entries, language_of, set_value, value_of, written
from agent.records.edits import Refused, SetConstant
from agent.space import constant_edits, read_space

INI = """# of the model
[optim]
lr = 0.1  ; [0.01 .. 1 log]
Momentum: 0.9
nesterov = Yes
name = adamw
path = /data/x
many = 1, 2
code = 010
notes = 3
    and more of it
twice = 1
twice = 2

[net.small]
width=64
"""
GIN = "import nets\nAdam.learning_rate = 3e-4\ntrain.optimizer = @Adam()\nnets.Net.width = 64\n"
SHELL = """#!/bin/bash
#SBATCH --mem=4
# LR=0.5
LR=0.1   # [0.01 .. 1 log]
export BATCH=64 WARMUP=100
WD="1e-4"
DROPOUT=${DROPOUT:-0.1}
EMA=true
N=5
N=$((N+1))
echo "beta1=0.3 --beta2 0.9"
if [ $N -gt 5 ]; then sleep 10; fi
cat <<EOF > x.yaml
momentum=0.9
EOF
HIDDEN=128 python train.py --lr $LR --weight-decay 0.01 \\
  --smoothing=0.2 optim.beta1=0.9 --seed 7
python eval.py --weight-decay 0.02
"""


def values(language: Language, text: str) -> dict[str, object]:
    found = entries(language, text)
    assert not isinstance(found, Refused)
    return {name: entry.value for name, entry in found.items()}


def test_what_hydra_adds_on_a_command_line_is_a_value() -> None:
    assert values("shell", "python a.py +lr=0.1 ++opt.wd=2\n") == {"lr": 0.1, "opt.wd": 2}
    assert values("shell", "python a.py --opt.lr=0.1\n") == {'"--opt.lr"': 0.1}, "one name"
    assert values("shell", "XDIM=4 python a.py\n") == {"XDIM": 4}


def test_what_is_a_value_of_an_ini_file() -> None:
    assert values("ini", INI) == {
        "optim.lr": 0.1,
        "optim.Momentum": 0.9,
        "optim.nesterov": True,
        "optim.name": "adamw",
        '"net.small".width': 64,
    }
    kinds = {name: type(value) for name, value in values("ini", INI).items()}
    assert (kinds["optim.lr"], kinds['"net.small".width']) == (float, int)
    assert values("ini", GIN) == {"Adam.learning_rate": 0.0003, "nets.Net.width": 64}
    assert values("ini", "a = 1\na.b = 2\n") == {"a.b": 2}, "a value is no section, too"


def test_what_is_a_value_of_a_shell_script() -> None:
    assert values("shell", SHELL) == {
        "LR": 0.1,
        "BATCH": 64,
        "WARMUP": 100,
        "WD": 0.0001,
        "DROPOUT": 0.1,
        "EMA": True,
        "HIDDEN": 128,
        "--smoothing": 0.2,
        "optim.beta1": 0.9,
        "--seed": 7,
    }


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a.ini", "ini"),
        ("b/c.cfg", "ini"),
        ("x.CONF", "ini"),
        ("x.gin", "ini"),
        ("run.sh", "shell"),
    ],
)
def test_the_files_that_keep_them(path: str, language: Language) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize(
    ("language", "text", "name", "value", "old", "new"),
    [
        ("ini", INI, "optim.lr", "0.2", "lr = 0.1  ;", "lr = 0.2  ;"),
        ("ini", INI, "optim.nesterov", "no", "Yes", "no"),
        ("ini", INI, "optim.name", "sgd", "adamw", "sgd"),
        ("ini", INI, '"net.small".width', "128", "width=64", "width=128"),
        ("shell", SHELL, "WD", "0.5", '"1e-4"', '"0.5"'),
        ("shell", SHELL, "DROPOUT", "0.2", ":-0.1}", ":-0.2}"),
        ("shell", SHELL, "--smoothing", "0.3", "--smoothing=0.2", "--smoothing=0.3"),
        ("shell", SHELL, "optim.beta1", "0.8", "beta1=0.9 --seed", "beta1=0.8 --seed"),
    ],
)
def test_a_value_is_set_in_its_place(
    language: Language, text: str, name: str, value: str, old: str, new: str
) -> None:
    for ends in ("\n", "\r\n"):
        before = text.replace("\n", ends)
        after = set_value(language, before, name, value)
        assert after == before.replace(old, new)
        path = "run.sh" if language == "shell" else "a.ini"
        edit = SetConstant(name=name, value=value)
        assert difference_in(path, before, after) == (edit,)


@pytest.mark.parametrize("value", ["1 2", "1 # x", "1; rm -rf /", "$(reboot)", "`x`", "1\n2", "'"])
def test_nothing_but_a_value_is_written(value: str) -> None:
    for language, text, name in (("ini", INI, "optim.lr"), ("shell", SHELL, "LR")):
        assert isinstance(set_value(language, text, name, value), Refused)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "old", "value", "new"),
    [
        ("ini", "Yes", False, "No"),
        ("ini", "OFF", True, "ON"),
        ("ini", "1", True, "true"),
        ("ini", "adamw", "sgd", "sgd"),
        ("shell", "0.1", 1e-05, "1e-05"),
        ("code", "1", 2, "2"),
        ("code", "0.5", 1e-05, "1.0e-05"),
    ],
)
def test_a_constant_is_written_like_the_old_one(
    language: Language, old: str, value: Literal, new: str
) -> None:
    assert written(language, value, Entry("a", 0, "", 1, old)) == new
    assert value_of(language, f" {new} ") == value


@given(st.text(alphabet="ab=: \t\n\r[]{}$\"'#;-+.<E019\\", max_size=60))
def test_whatever_a_text_holds_is_read_and_set(text: str) -> None:
    languages: tuple[Language, ...] = ("ini", "shell")
    for language in languages:
        for name, value in values(language, text).items():
            if isinstance(value, float | int) and not isinstance(value, bool):
                result = set_value(language, text, name, "7")
                assert isinstance(result, str)
                assert values(language, result)[name] == 7


def test_they_are_searched_and_their_seeds_are_kept() -> None:
    files = {"train.py": "x = 1\n", "a.ini": INI, "run.sh": SHELL}
    sources = Sources(files, patterns=("**/*",))
    space = read_space(sources)
    assert {"a.ini:optim.lr", "run.sh:LR", "run.sh:DROPOUT", "run.sh:BATCH"} <= set(space.names)
    assert not [name for name in space.names if "seed" in name]
    edits = constant_edits(sources, {"a.ini:optim.lr": 0.02, "run.sh:BATCH": 32})
    after = apply_edits(sources, edits)
    assert isinstance(after, Sources)
    assert "lr = 0.02  ;" in after.files["a.ini"]
    assert "export BATCH=32 WARMUP" in after.files["run.sh"]
    assert guard_files(sources, after) is None
    other = edited("run.sh", SHELL, [SetConstant(name="--seed", value="8")])
    assert isinstance(other, str)
    refused = guard_files(sources, sources.with_file("run.sh", other))
    assert refused is not None
    assert refused.reason == "seed-only"


def test_an_option_that_a_script_gives_is_searched_there_alone() -> None:
    train = "p.add_argument('--max_lr', default=0.1)\np.add_argument('--dropout', default=0.1)\n"
    files = {"train.py": train, "run.sh": "python train.py --max-lr 0.2\n"}
    sources = Sources(files, patterns=("**/*",))
    assert set(read_space(sources).names) == {"--dropout", "run.sh:--max-lr"}
    assert "--max_lr" in read_space(sources, {"--max_lr": "0.01 .. 1"}).names
