"""Which files and definitions differ is read from the files, whatever the edits claim."""

import pytest

from agent.edit.files import Sources, touched_files
from agent.records.results import Touched

NET = '''"""A net."""

from dataclasses import dataclass


@dataclass
class Config:
    width: int = 8


class Net:
    def loss(self):
        return 1

    def grad(self):
        return 2


def helper():
    return 3
'''
START = Sources({"train.py": "LR = 1\n", "model/net.py": NET, "conf/a.yaml": "lr: 1\n"})


def touched(**files: str | None) -> list[str]:
    after = dict(START.files)
    for name, text in files.items():
        path = name.replace("__", "/").replace("_dot_", ".")
        after.pop(path, None)
        if text is not None:
            after[path] = text
    return list(map(str, touched_files(START, Sources(after))))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("return 1", "return 9", "model/net.py: Net.loss"),
        ("width: int = 8", "width: int = 9", "model/net.py: Config"),
        ("class Net:", "class Net(object):", "model/net.py: Net"),
        ("    def grad(self):\n        return 2\n", "", "model/net.py: Net.grad"),
        ("def helper", "def other", "model/net.py: other, helper"),
        ("class Net:", "class Web:", "model/net.py: Web, Net"),
        ("@dataclass\n", "@dataclass(frozen=True)\n", "model/net.py: Config"),
        ('"""A net."""', '"""Another."""', "model/net.py"),
        (NET, "def broken(:\n", "model/net.py: Config, Net, helper"),
    ],
)
def test_the_innermost_definitions_that_differ(old: str, new: str, line: str) -> None:
    [only] = touched(model__net_dot_py=NET.replace(old, new))
    assert only == line


def test_of_one_file_a_bounded_number_of_definitions_is_named() -> None:
    many = "".join(f"def f{number}():\n    return 1\n" for number in range(41))
    old = Sources({"train.py": many})
    new = Sources({"train.py": many.replace("return 1", "return 2")})
    [only] = touched_files(old, new)
    assert only.definitions == tuple(f"f{number}" for number in range(40))


def test_files_that_come_go_and_move() -> None:
    assert touched() == []
    assert touched(conf__a_dot_yaml=None) == ["conf/a.yaml deleted"]
    assert touched(model__new_dot_py="def f():\n    pass\n") == ["model/new.py added"]
    assert touched(model__net_dot_py=None, model__web_dot_py=NET) == [
        "model/net.py renamed to model/web.py"
    ]
    moved = NET.replace("return 3", "return 4")
    assert touched(model__net_dot_py=None, model__web_dot_py=moved) == [
        "model/net.py renamed to model/web.py: helper"
    ]
    two = touched(train_dot_py="LR = 2\n", conf__a_dot_yaml="lr: 2\n")
    assert two == ["conf/a.yaml", "train.py"]


def test_only_a_renamed_file_has_a_new_path() -> None:
    with pytest.raises(ValueError, match="a deleted file with the new path"):
        Touched(file="a.py", how="deleted", to="b.py")
    with pytest.raises(ValueError, match="a renamed file with the new path None"):
        Touched(file="a.py", how="renamed")
