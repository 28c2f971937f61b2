"""What would run is what the user sees, whatever the index of the checkout says."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.history.runs import head_of
from tests.agent.study import make_repository, project_of
from tests.e2e.researcher import git


def flagged(folder: Path, flag: str) -> None:
    git(folder, "update-index", flag, "train.py")
    change(folder)


def change(folder: Path) -> None:
    """Change a digit: the file is as long as before."""
    path = folder / "train.py"
    path.write_text(path.read_text().replace("1", "2"))


def timed(folder: Path) -> None:
    """As an archive may bring it: sizes and times of the index are those of the files."""
    git(folder, "config", "core.checkStat", "minimal")
    git(folder, "config", "core.trustctime", "false")
    os.utime(folder / "train.py", (10**9, 10**9))
    git(folder, "update-index", "--refresh")
    change(folder)
    os.utime(folder / "train.py", (10**9, 10**9))


VEILS: dict[str, Callable[[Path], None]] = {
    "assume-unchanged": lambda folder: flagged(folder, "--assume-unchanged"),
    "skip-worktree": lambda folder: flagged(folder, "--skip-worktree"),
    "sizes and times": timed,
}


@pytest.mark.parametrize("veil", VEILS)
def test_a_change_that_git_does_not_look_for_is_named(tmp_path: Path, veil: str) -> None:
    make_repository(tmp_path)
    VEILS[veil](tmp_path)
    assert git(tmp_path, "status", "--porcelain") == ""
    with pytest.raises(HistoryFault, match=r"not what you see(?s:.*)train\.py") as fault:
        head_of(project_of(tmp_path))
    command = str(fault.value.next_command).partition("   #")[0]
    assert os.system(command) == 0
    assert git(tmp_path, "status", "--porcelain").split() == ["M", "train.py"]


def test_line_ends_flags_alone_and_missing_files_are_no_change(tmp_path: Path) -> None:
    make_repository(tmp_path)
    (tmp_path / "other.py").write_text("A = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "more")
    git(tmp_path, "config", "core.autocrlf", "true")
    path = tmp_path / "train.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    git(tmp_path, "update-index", "--skip-worktree", "train.py", "other.py")
    (tmp_path / "other.py").unlink()
    for converts in ("true", "false"):
        git(tmp_path, "config", "core.autocrlf", converts)
        assert head_of(project_of(tmp_path)) == git(tmp_path, "rev-parse", "HEAD").strip()


def test_what_a_filter_of_the_users_makes_of_a_file_is_no_change(tmp_path: Path) -> None:
    make_repository(tmp_path)
    (tmp_path / ".gitattributes").write_text("train.py ident\n")
    (tmp_path / "train.py").write_text("# $Id$\nLR = 0.1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "ident")
    (tmp_path / "train.py").unlink()
    git(tmp_path, "checkout", "train.py")
    assert "$Id: " in (tmp_path / "train.py").read_text()
    assert head_of(project_of(tmp_path))
