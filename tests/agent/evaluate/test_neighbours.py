"""Which sessions share this machine: living ones, of other processes, on this host."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.evaluate.neighbours import Session, session, sessions, sessions_folder

WORKS = """
import sys
from agent.evaluate.neighbours import session
with session("/home/me/project", "autoresearch/nov24"):
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@contextmanager
def another() -> Iterator[subprocess.Popen[str]]:
    """A process that works on a run."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "at work\n"
        yield process


def test_a_session_of_another_process_is_seen_until_it_ends() -> None:
    assert sessions() == ()
    with another() as process:
        (seen,) = sessions()
        assert (seen.pid, seen.root, seen.branch) == (
            process.pid,
            "/home/me/project",
            "autoresearch/nov24",
        )
        assert sessions() == (seen,), "looking changes nothing"
        assert process.stdin
        process.stdin.close()
        process.wait()
    assert sessions() == () and list(sessions_folder().iterdir()) == []


def test_a_killed_session_is_recognised_and_tidied_away() -> None:
    with another() as process:
        process.kill()
        process.wait()
    assert len(list(sessions_folder().iterdir())) == 1
    assert sessions() == () and list(sessions_folder().iterdir()) == []


def test_ones_own_session_is_no_neighbour_nor_is_one_of_another_machine() -> None:
    with session("/here", "autoresearch/t"):
        assert sessions() == ()
        (own,) = sessions_folder().iterdir()
        assert (own.stat().st_mode & 0o777, own.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert Session.model_validate_json(own.read_bytes()).branch == "autoresearch/t"
    elsewhere = sessions_folder() / "1-x.session"
    record = Session(pid=1, host="another-machine", root="/r", branch="autoresearch/t")
    elsewhere.write_text(record.model_dump_json())
    assert sessions() == () and elsewhere.exists(), "its lock may not be seen from here"


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "\x00" * 100])
def test_a_torn_session_file_is_ignored(text: str) -> None:
    sessions_folder().mkdir(parents=True)
    (sessions_folder() / "2-x.session").write_text(text)
    assert sessions() == ()


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    with session("/here", "autoresearch/t"):
        assert sessions() == ()
