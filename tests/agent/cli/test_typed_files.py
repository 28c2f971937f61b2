"""Files that a person names: a pipe and a device are not waited for, and a giant is not read."""

import os
from pathlib import Path

import pytest

from tests.agent.cli.night import fault, git
from tests.agent.study import study

COMMANDS = (
    ("brief", "t", "--file"),
    ("try", "t", "--patch"),
    ("adopt", "main", "--since", "main", "--results"),
    ("start", "--dry-run", "--trust", "--warm"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_no_file_or_has_no_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    with study(tmp_path / "r"):
        pass
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(6 << 30)
    monkeypatch.chdir(tmp_path / "r")
    for name, reason in (
        (str(tmp_path / "pipe"), "it is no file"),
        ("/dev/zero", "it is no file"),
        (str(tmp_path / "giant"), "it has more than"),
    ):
        told = fault(*words, name)
        assert name in told.message and reason in told.message


def test_no_brief_is_read_through_a_link_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("a secret\n")
    with study(tmp_path / "r") as history:
        git(Path(history.project.root), "worktree", "add", "-q", str(tmp_path / "w"))
    (tmp_path / "w" / "program.md").unlink()
    (tmp_path / "w" / "program.md").symlink_to(tmp_path / "key")
    monkeypatch.chdir(tmp_path / "w")
    assert "program.md is a symbolic link" in fault("brief", "t", "--from-checkout").message
    assert not any((tmp_path / "r" / ".autoresearch").rglob("*.json"))
