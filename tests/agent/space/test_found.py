"""Constants of a whole project: names, edits, what moved, and what is searched."""

import pytest

from agent.edit.files import Sources, apply_edits
from agent.errors import UsageFault
from agent.records.edits import SetConstant
from agent.space import (
    changes,
    constant_edits,
    literal_of,
    read_choices,
    read_constants,
    read_space,
    under_names_of,
)
from agent.space.read import MAX_INFERRED

FILES = {
    "train.py": "LR = 0.1  # [0.01 .. 1 log]\nfrom model.net import Net\n",
    "model/net.py": "from dataclasses import dataclass\n\n\n"
    "@dataclass\nclass Config:\n    width: int = 8\n",
    "conf/base.yaml": "optim:\n  lr: 0.3  # [0.001 .. 1 log]\nseed: 3\n",
    "conf/more.toml": "[loss]\nsmoothing = 0.1\n",
    "conf/data.json": '{"drop": 0.2}\n',
    "notes.txt": "LR = 3\n",
}
PROJECT = Sources(FILES, patterns=("**/*.*", "*.*"))


def test_names_say_where_a_constant_is() -> None:
    assert read_constants(PROJECT) == {
        "LR": 0.1,
        "conf/base.yaml:optim.lr": 0.3,
        "conf/base.yaml:seed": 3,
        "conf/data.json:drop": 0.2,
        "conf/more.toml:loss.smoothing": 0.1,
        "model/net.py:Config.width": 8,
    }


def test_each_value_is_set_by_an_edit_in_its_own_file() -> None:
    wanted = {
        "LR": 0.2,
        "conf/base.yaml:optim.lr": 1e-5,
        "conf/data.json:drop": 0.25,
        "conf/more.toml:loss.smoothing": 0.0,
        "model/net.py:Config.width": 16,
    }
    edits = constant_edits(PROJECT, {**read_constants(PROJECT), **wanted})
    assert [edit.file for edit in edits if edit.name == "LR"] == [None]
    assert {edit.file for edit in edits if edit.name != "LR"} == {
        "conf/base.yaml",
        "conf/data.json",
        "conf/more.toml",
        "model/net.py",
    }
    after = apply_edits(PROJECT, edits)
    assert isinstance(after, Sources), after
    assert read_constants(after) == {**read_constants(PROJECT), **wanted}
    assert constant_edits(after, wanted) == ()
    assert "# [0.001 .. 1 log]" in after.files["conf/base.yaml"]
    assert after.files["notes.txt"] == FILES["notes.txt"]


def test_what_edits_may_not_touch_is_not_searched() -> None:
    only = Sources(FILES, patterns=("conf/base.yaml",))
    assert "LR" not in read_constants(Sources({"train.py": FILES["train.py"]}, patterns=("x.py",)))
    assert read_space(only).names[0] == "conf/base.yaml:optim.lr"


def test_a_range_is_stated_by_the_whole_name_or_by_one_that_is_unique() -> None:
    wide = read_space(PROJECT, {"Config.width": "4 .. 64 pow2"})
    width = next(p for p in wide.parameters if p.name == "model/net.py:Config.width")
    assert (width.low, width.high, width.power_of_two) == (4, 64, True)
    fixed = read_space(PROJECT, {"conf/base.yaml:optim.lr": "fixed"})
    assert "conf/base.yaml:optim.lr" not in fixed.names
    with pytest.raises(UsageFault, match=r"the range of optim\.lr"):
        read_space(PROJECT, {"optim.lr": "small"})


def test_each_choice_has_its_reason() -> None:
    reasons = {choice.constant.name: choice for choice in read_choices(PROJECT)}
    assert reasons["LR"].origin == "comment"
    assert reasons["conf/base.yaml:seed"].parameter is None
    assert "seed" in reasons["conf/base.yaml:seed"].reason
    assert all(choice.reason for choice in reasons.values())


def test_a_constant_that_moves_with_its_definition_keeps_its_history() -> None:
    net = FILES["model/net.py"]
    moved = PROJECT.without("model/net.py").with_file("model/other.py", net)
    assert changes(PROJECT, moved) == ()
    wider = moved.with_file("model/other.py", net.replace("= 8", "= 32"))
    [change] = changes(PROJECT, wider)
    assert (change.name, change.before, change.after) == ("model/other.py:Config.width", 8, 32)
    space = read_space(wider)
    past = under_names_of(space, {"LR": 0.5, "model/net.py:Config.width": 4})
    assert past == {"LR": 0.5, "model/other.py:Config.width": 4}


def test_two_constants_of_one_name_are_not_mixed_up() -> None:
    before = {"train.py": "", "a.py": "RATE = 1.0\n", "b.py": "RATE = 2.0\n"}
    other = "".join(f"step({number})\n" for number in range(5))
    after = {"train.py": "", "c.py": f"{other}RATE = 1.0\n", "d.py": f"RATE = 2.0\n{other}end()\n"}
    old = Sources(before, patterns=("*.py",))
    new = Sources(after, patterns=("*.py",))
    assert {change.name for change in changes(old, new)} == {
        "a.py:RATE",
        "b.py:RATE",
        "c.py:RATE",
        "d.py:RATE",
    }


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("train.py", "2**4", 16),
        ("train.py", "x", None),
        ("train.py", "1; 2", None),
        ("a.yaml", "1e-3", 0.001),
        ("a.yaml", "true", True),
        ("a.json", "false", False),
        ("a.json", "[1]", None),
        ("a.toml", "'x'", "x"),
    ],
)
def test_a_value_is_read_as_its_file_would(path: str, text: str, value: object) -> None:
    read = literal_of(path, text)
    assert read == value and isinstance(read, bool) == isinstance(value, bool)


def test_an_edit_names_no_file_for_train_py() -> None:
    assert constant_edits("LR = 0.1\n", {"LR": 0.2}) == (SetConstant(name="LR", value="0.2"),)


def test_of_thousands_of_constants_the_first_are_searched_and_stated_ones() -> None:
    lines = [f"RATE_{number} = 0.1" for number in range(MAX_INFERRED + 2)]
    lines[-1] += "  # [0.01 .. 1]"
    *before, unread, stated = read_choices("\n".join(lines))
    assert all(choice.reason != unread.reason for choice in before)
    assert (unread.parameter, stated.origin) == (None, "comment")
    assert stated.parameter
