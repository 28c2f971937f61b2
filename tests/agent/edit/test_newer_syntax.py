"""A file for a newer Python than the one that runs this program: nobody is left to guess why."""

import sys

import pytest

from agent.edit.apply import apply
from agent.edit.files import Sources, fingerprint_of, guard_files
from agent.edit.source import read
from agent.records.edits import Refused, ReplaceText, SetConstant
from agent.space import find_all, unread_files

NEWER = (
    ((3, 12), "type Row = list[int]\n"),
    ((3, 12), "type Row[T] = list[T]\n"),
    ((3, 12), "def first[T](rows: list[T]) -> T:\n    return rows[0]\n"),
    ((3, 12), "class Net[T: int]:\n    pass\n"),
    ((3, 12), "async def run[**P]():\n    pass\n"),
    ((3, 12), 'row = {"a b": 1}\nprint(f"{row["a b"]}")\n'),
    ((3, 12), "print(f\"{'\\n'.join(rows)}\")\n"),
    ((3, 12), 'print(F"{\n    rows  # all\n}")\n'),
    ((3, 12), 'print(rf"{f"{1}"}")\n'),
    ((3, 14), 'text = t"{name}"\n'),
    ((3, 14), "try:\n    pass\nexcept OSError, ValueError:\n    pass\n"),
    ((3, 14), "try:\n    pass\nexcept* OSError, a.b:\n    pass\n"),
)


@pytest.mark.parametrize(("version", "code"), NEWER)
def test_the_refusal_names_the_python_that_reads_it(version: tuple[int, int], code: str) -> None:
    if sys.version_info >= version:
        pytest.skip("this Python reads it")
    text = f"{code}LR = 0.1\n"
    refused = read(text)
    assert isinstance(refused, Refused)
    assert f"Python {version[0]}.{version[1]} may read it" in refused.where
    assert "run autoresearch in the Python of the trainings" in refused.hint
    assert apply(text, [SetConstant(name="LR", value="1")]) == refused
    written = apply("LR = 0.1\n", [ReplaceText(old="LR = 0.1\n", new=text)])
    assert isinstance(written, Refused)
    assert "may read it" in written.where
    assert guard_files("LR = 0.1\n", text) == refused
    assert not find_all(text)
    assert "may read it" in unread_files(Sources.of(text))["train.py"]
    assert fingerprint_of(Sources.of(text)) != fingerprint_of(Sources.of(f"{text}X = 1\n"))


@pytest.mark.parametrize(
    "code", ["x = = 1", "type(x", "def f(:", "print('a)", "except A:", "f(x y)"]
)
def test_what_no_python_reads_is_not_blamed_on_this_one(code: str) -> None:
    refused = read(f"{code}\n")
    assert isinstance(refused, Refused)
    assert "may read it" not in refused.where
