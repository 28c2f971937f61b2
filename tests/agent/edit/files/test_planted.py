"""No edit adds a file that Python or a test runner loads by its name."""

import pytest

from agent.edit.files import apply_edits, guard_files
from agent.records.edits import AddFile, Edit, Refused, RenameFile, RewriteFile
from agent.records.sources import Sources

BEFORE = Sources(
    {"pkg/train.py": "X = 1\n", "pkg/queue.py": "Y = 1\n", "a.txt": "a\n"},
    main="pkg/train.py",
    patterns=("**",),
)


def refused(edit: Edit) -> Refused | None:
    after = apply_edits(BEFORE, [edit])
    assert isinstance(after, Sources), after
    return guard_files(BEFORE, after)


@pytest.mark.parametrize(
    "name",
    [
        "conftest.py",
        "tests/deep/conftest.py",
        "pkg/sitecustomize.py",
        "pytest.ini",
        "pyproject.toml",
        "pytest.py",
        "random.py",
        "pkg/types.py",
        "src/json/__init__.py",
    ],
)
def test_such_a_file_is_refused(name: str) -> None:
    found = refused(AddFile(file=name, code=""))
    assert found is not None and found.reason == "protected"
    assert found.where.startswith(f"{name} would ")


def test_a_renamed_file_is_a_new_one() -> None:
    assert refused(RenameFile(file="a.txt", to="tox.ini")) is not None


@pytest.mark.parametrize(
    "edit",
    [
        AddFile(file="pkg/model.py", code="Z = 1\n"),
        AddFile(file="pkg/layers/random.py", code="Z = 1\n"),
        AddFile(file="random.txt", code="Z"),
        RewriteFile(file="pkg/queue.py", code="Y = 2\n"),
    ],
)
def test_other_files_are_not(edit: Edit) -> None:
    assert refused(edit) is None
