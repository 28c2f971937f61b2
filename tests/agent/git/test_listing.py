"""The files of a commit: what is listed, and which of them are plain files."""

from pathlib import Path

import pytest

from agent.git.listing import files_at, files_below, plain_file
from agent.git.plumbing import Plumbing
from tests.e2e.researcher import git

FILES = {"train.py": "X = 1\n", "src/run.sh": "ls\n", "src/o\u00e9\tdd.py": ""}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with plain files, an executable, a link and an odd name."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "src/run.sh").chmod(0o755)
    (tmp_path / "src/link.py").symlink_to("train.py")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def test_files_are_listed_with_their_sizes_and_odd_names(home: Path) -> None:
    files = list(files_below(Plumbing(home), "HEAD"))
    found = {(file.path, file.is_plain, file.size) for file in files}
    assert found == {
        ("train.py", True, 6),
        ("src/run.sh", True, 3),
        ("src/o\u00e9\tdd.py", True, 0),
        ("src/link.py", False, 8),
    }
    below = {file.path for file in files_below(Plumbing(home), "HEAD", "src")}
    assert below == {file.path for file in files} - {"train.py"}


def test_only_the_paths_that_are_asked_for_are_listed(home: Path) -> None:
    files = {file.path: file for file in files_at(Plumbing(home), "HEAD", ["src", "gone.py"])}
    assert list(files) == ["src"] and not files["src"].is_plain


def test_only_a_plain_file_is_read(home: Path) -> None:
    repository = Plumbing(home)
    assert plain_file(repository, "HEAD", "src/run.sh") == b"ls\n"
    for path in ("src/link.py", "src", "gone.py"):
        assert plain_file(repository, "HEAD", path) is None
