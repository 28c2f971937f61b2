"""Paths below .autoresearch: checked names, real folders and files of their own, always."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import HistoryFault, UsageFault
from agent.git.home import (
    below,
    checked,
    files_in,
    is_tag,
    no_link,
    remove_file,
    run_folder,
    worktree_path,
    write_whole,
)
from agent.git.lock import hold, holder

FILES = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_a_folder_is_made_and_hidden_from_git(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "t", "trials", make=True)
    assert folder == tmp_path / ".autoresearch" / "runs" / "t" / "trials"
    assert folder.is_dir()
    assert (tmp_path / ".autoresearch" / ".gitignore").read_text() == "*\n"
    assert run_folder(tmp_path, "t", "trials", make=True) == folder


def test_a_path_that_is_only_asked_for_is_not_made(tmp_path: Path) -> None:
    run_folder(tmp_path, "t", "trials")
    worktree_path(tmp_path, "t")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "link",
    [".autoresearch", ".autoresearch/runs", ".autoresearch/runs/t", ".autoresearch/runs/t/trials"],
)
@pytest.mark.parametrize("make", [False, True])
def test_a_link_on_the_way_is_refused(tmp_path: Path, link: str, make: bool) -> None:
    (tmp_path / "outside").mkdir()
    path = tmp_path / "r" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(HistoryFault, match="symbolic link") as fault:
        run_folder(tmp_path / "r", "t", "trials", make=make)
    assert str(fault.value.next_command).startswith(f"rm {path}")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("link", [".autoresearch/worktrees", ".autoresearch/worktrees/t"])
def test_a_worktree_is_no_link(tmp_path: Path, link: str) -> None:
    (tmp_path / link).parent.mkdir(parents=True)
    (tmp_path / link).symlink_to("/")
    with pytest.raises(HistoryFault, match="symbolic link"):
        worktree_path(tmp_path, "t")


def test_a_file_in_the_way_and_a_folder_of_another_user(tmp_path: Path) -> None:
    (tmp_path / ".autoresearch").write_text("")
    with pytest.raises(HistoryFault, match="no folder"):
        run_folder(tmp_path, "t")
    (tmp_path / ".autoresearch").unlink()
    (tmp_path / ".autoresearch").mkdir()
    if os.geteuid() != 0:
        return
    os.chown(tmp_path / ".autoresearch", 4321, 4321)
    with pytest.raises(HistoryFault, match="another user"):
        run_folder(tmp_path, "t")
    os.chown(tmp_path, 4321, 4321)
    assert run_folder(tmp_path, "t", make=True).is_dir(), "root works in the repository of a user"


@FILES
@given(
    name=st.text(max_size=12)
    | st.sampled_from(["..", ".", "", "../x", "a/b", "/etc", "a\0b", "~", "-x", "a" * 300])
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    try:
        path = below(tmp_path, name)
    except HistoryFault:
        return
    assert path.parent == tmp_path
    assert path.name == name


@FILES
@given(tag=st.text(max_size=20) | st.from_regex(r"[A-Za-z0-9./_-]{1,20}", fullmatch=True))
def test_a_tag_is_a_name_that_git_takes_too(tmp_path: Path, tag: str) -> None:
    if not is_tag(tag):
        with pytest.raises(UsageFault):
            checked(tag)
        return
    asked = ["git", "check-ref-format", f"refs/heads/autoresearch/{tag}"]
    assert subprocess.run(asked, check=False).returncode == 0
    assert run_folder(tmp_path, tag).parent == tmp_path / ".autoresearch" / "runs"


# ---------------------------------------------------------------- files


def linked(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign)


def twice(path: Path, foreign: Path) -> None:
    os.link(foreign, path)


def pipe(path: Path, foreign: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [linked, twice, pipe])
def test_a_lock_is_a_file_of_its_own(tmp_path: Path, make: object) -> None:
    """Neither emptied through a link, nor waited for at a pipe that nobody writes to."""
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    make(tmp_path / "lock", foreign)  # type: ignore[operator]
    for call in (lambda: hold(tmp_path / "lock", "x"), lambda: holder(tmp_path / "lock")):
        with pytest.raises(HistoryFault, match="lock"):
            call()
    assert foreign.read_text() == "export A=1\n"


@pytest.mark.parametrize("make", [linked, twice, pipe])
@pytest.mark.parametrize("mode", ["a", "r", "w"])
def test_no_file_is_opened_under_another_name(tmp_path: Path, make: object, mode: str) -> None:
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    make(tmp_path / "log", foreign)  # type: ignore[operator]
    with pytest.raises(OSError), open(tmp_path / "log", mode, opener=no_link):
        pass
    remove_file(tmp_path / "log")
    assert foreign.read_text() == "export A=1\n"


@pytest.mark.parametrize("make", [linked, twice, pipe])
def test_a_file_written_whole_replaces_what_had_its_name(tmp_path: Path, make: object) -> None:
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    make(tmp_path / "note", foreign)  # type: ignore[operator]
    write_whole(tmp_path / "note", b"new")
    assert (tmp_path / "note").read_bytes() == b"new"
    assert (tmp_path / "note").stat().st_mode & 0o777 == 0o600
    assert foreign.read_text() == "export A=1\n"


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "note").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "note", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_only_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("")
    (tmp_path / "b.log").symlink_to("/etc/passwd")
    (tmp_path / "c.log").mkdir()
    os.mkfifo(tmp_path / "d.log")
    assert files_in(tmp_path, ".log") == [tmp_path / "a.log"]
    assert files_in(tmp_path / "gone", ".log") == []


def test_what_is_in_the_way_of_a_log_is_removed_or_named(tmp_path: Path) -> None:
    remove_file(tmp_path / "gone.log")
    (tmp_path / "folder.log").mkdir()
    with pytest.raises(HistoryFault, match="cannot replace"):
        remove_file(tmp_path / "folder.log")
