"""What an edit replaces of prepare.py, which measures, is found where it is written plainly."""

from ast import Module

import pytest

from agent.edit.replaced import replaced_in
from agent.edit.source import file_tree
from agent.records.edits import Refused
from agent.records.sources import Sources

BEFORE = """from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import prepare as fixed

x = make_dataloader()
print(evaluate_bpb(x), fixed.EVAL_TOKENS, TIME_BUDGET)
"""
CHANGES = "it changes {} of prepare.py while it runs"
BINDS = "it binds {} of prepare.py anew"


def reason(after: str, before: str = BEFORE) -> str:
    return replaced_in(Sources.of(before), Sources.of(after), "prepare.py")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("TIME_BUDGET = 9", BINDS.format("TIME_BUDGET")),
        ("def evaluate_bpb(x):\n    return 1", BINDS.format("evaluate_bpb")),
        ("class Tokenizer:\n    pass", BINDS.format("Tokenizer")),
        ("def f():\n    global TIME_BUDGET\n    TIME_BUDGET = 9", BINDS.format("TIME_BUDGET")),
        ("fixed.evaluate_bpb = print", CHANGES.format("evaluate_bpb")),
        ("import prepare\nprepare.EVAL_TOKENS = 1", CHANGES.format("EVAL_TOKENS")),
        ("evaluate_bpb.__code__ = print.__code__", CHANGES.format("evaluate_bpb")),
        ("fixed.__dict__['EVAL_TOKENS'] = 1", CHANGES.format("__dict__")),
        ("Tokenizer.encode = print", CHANGES.format("Tokenizer")),
        ("setattr(fixed, 'EVAL_TOKENS', 1)", CHANGES.format("EVAL_TOKENS")),
        ("import sys\nsys.modules['prepare'].A = 1", CHANGES.format("an attribute")),
        (
            "import importlib\nimportlib.import_module('prepare').A = 1",
            CHANGES.format("an attribute"),
        ),
        ("y = 1", ""),
        ("x.TIME_BUDGET = 9", ""),
    ],
)
def test_a_line_more(code: str, words: str) -> None:
    assert reason(f"{BEFORE}{code}\n") == words
    both = f"{BEFORE}{code}\n"
    assert reason(f"{both}z = 1\n", both) == "", "only what an edit adds counts"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("evaluate_bpb(x)", "0.5", "it no longer uses evaluate_bpb of prepare.py"),
        ("make_dataloader()", "my_loader()", ""),
        (
            "from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb,",
            "evaluate_bpb = len\nfrom prepare import TIME_BUDGET, Tokenizer,",
            BINDS.format("evaluate_bpb"),
        ),
    ],
)
def test_other_lines(old: str, new: str, words: str) -> None:
    assert reason(BEFORE.replace(old, new)) == words


def test_another_name_another_file_and_no_python() -> None:
    named = BEFORE.replace("evaluate_bpb", "evaluate_bpb as e", 1).replace("(evaluate_bpb(", "(e(")
    assert reason(named) == ""
    before = Sources({"train.py": BEFORE, "model.py": "A = 1\n"}, patterns=("*.py",))
    moved = before.with_file("model.py", "import prepare\nprepare.evaluate_bpb = len\n")
    assert replaced_in(before, moved, "prepare.py") == CHANGES.format("evaluate_bpb")
    assert replaced_in(before, moved, "data.py") == ""


def test_only_files_that_changed_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str) -> Module | Refused:
        read.append(text)
        return file_tree(text)

    monkeypatch.setattr("agent.edit.replaced.file_tree", noted)
    others = {f"part{number}.py": f"PART = {number}\n" for number in range(99)}
    before = Sources(files={**others, "train.py": f"{BEFORE}# before\n"})
    after = Sources(files={**others, "train.py": f"{BEFORE}# after\n"})
    assert replaced_in(before, after, "prepare.py") == ""
    assert read == [before.files["train.py"], after.files["train.py"]]


def test_what_another_file_still_uses_is_used() -> None:
    before = Sources(files={"model.py": BEFORE, "train.py": BEFORE})
    dropped = BEFORE.replace("evaluate_bpb(x)", "0.5")
    assert (
        replaced_in(before, Sources(files={"model.py": BEFORE, "train.py": dropped}), "prepare.py")
        == ""
    )
    gone = Sources(files={"train.py": dropped})
    assert "no longer uses evaluate_bpb" in replaced_in(before, gone, "prepare.py")
