"""Plumbing: git's own words in every fault, exact bytes, and nothing of the user's in between."""

import os
import shutil
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing, scratch_index
from tests.agent.study import make_repository
from tests.e2e.researcher import git


def test_output_is_exact(tmp_path: Path) -> None:
    plumbing = Plumbing(make_repository(tmp_path))
    data = b"\n\n a\r\n\xff\xfe\0 \n\n"
    blob = plumbing("hash-object", "-w", "--stdin", "--no-filters", stdin=data).strip()
    assert plumbing.bytes("cat-file", "blob", blob) == data
    assert plumbing("cat-file", "blob", blob).encode("utf-8", "surrogateescape") == data
    assert plumbing.try_("cat-file", "blob", "0" * 40) is None
    assert plumbing.try_("rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_repository(tmp_path / "r")
    monkeypatch.chdir(tmp_path)
    plumbing = Plumbing(Path("r"))
    monkeypatch.chdir("/")
    assert plumbing("rev-parse", "--show-toplevel") == f"{tmp_path / 'r'}\n"


def test_a_fault_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(
        HistoryFault, match=r"git cat-file failed: fatal: Not a valid object name nonsense"
    ):
        Plumbing(make_repository(tmp_path))("cat-file", "blob", "nonsense")


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("shallow", "nonsense\n", "mv .git/shallow .git/shallow.old"),
        ("packed-refs", "nonsense\n", "$EDITOR .git/packed-refs"),
        ("index", "nonsense\n", 'rm "$(git rev-parse --git-path index)" && git reset'),
    ],
)
def test_a_file_of_gits_own_that_makes_no_sense_is_named(
    tmp_path: Path, name: str, text: str, command: str
) -> None:
    folder = make_repository(tmp_path)
    (folder / ".git" / name).write_text(text)
    with pytest.raises(HistoryFault) as fault:
        Plumbing(folder)("log", "-1", "refs/heads/main", "--")
        Plumbing(folder)("--literal-pathspecs", "ls-files")
    assert str(fault.value.next_command).startswith(command)
    assert "git log failed" in str(fault.value) or "git ls-files failed" in str(fault.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("fatal: couldn't read .git/packed-refs: Permission denied", ".git/packed-refs"),
        ("fatal: unable to access '.git/config': Permission denied", ".git/config"),
    ],
)
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, words: str, name: str) -> None:
    fault = Plumbing(tmp_path).fault("log", words)
    assert fault.next_command == f"ls -l {tmp_path / name}"


def test_a_folder_that_is_gone_does_not_send_the_command_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitPython alone would run it in the current folder: in another repository."""
    monkeypatch.chdir(make_repository(tmp_path / "here"))
    plumbing = Plumbing(make_repository(tmp_path / "there"))
    shutil.rmtree(tmp_path / "there")
    with pytest.raises(HistoryFault, match="there"):
        plumbing("rev-parse", "HEAD")


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HistoryFault, match="git is not installed") as fault:
        Plumbing(tmp_path)("status")
    assert fault.value.next_command == "autoresearch doctor"


def test_paths_are_no_patterns(tmp_path: Path) -> None:
    home = make_repository(tmp_path / "r")
    for name in ("[ab].py", "a.py", "*.py"):
        (home / name).write_text("")
    git(home, "add", ".")
    assert Plumbing(home)("ls-files", "--", "[ab].py") == "[ab].py\n"
    assert Plumbing(home)("ls-files", "--", "*.py") == "*.py\n"


def test_another_index_leaves_the_users_alone(tmp_path: Path) -> None:
    home = make_repository(tmp_path)
    before = (home / ".git" / "index").read_bytes()
    with scratch_index(tmp_path) as index:
        plumbing = Plumbing(home)
        plumbing("read-tree", "HEAD", index=index)
        plumbing("update-index", "--force-remove", "train.py", index=index)
        assert "train.py" not in plumbing("ls-files", index=index)
    assert (home / ".git" / "index").read_bytes() == before
    assert not index.parent.exists()


def test_no_room_for_an_index_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(HistoryFault, match="cannot write"), scratch_index(tmp_path / "missing"):
        pass


def test_the_environment_itself_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_repository(tmp_path / "r")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert Plumbing(home)("rev-parse", "--show-toplevel") == f"{home}\n"
    assert os.environ["GIT_DIR"] == "/nonexistent"


def test_the_lock_of_packed_references_is_named_and_no_line_of_them(tmp_path: Path) -> None:
    folder = make_repository(tmp_path)
    (folder / ".git" / "packed-refs.lock").write_text("")
    with pytest.raises(HistoryFault) as fault:
        Plumbing(folder)("pack-refs", "--all")
    command = str(fault.value.next_command)
    assert command.startswith("rm ") and "packed-refs.lock" in command
