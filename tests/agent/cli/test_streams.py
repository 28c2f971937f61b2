"""Streams that survive their terminal, and the log that takes over; real terminals and pipes."""

import os
import pty
import stat
from pathlib import Path

import pytest

from agent.cli.run_log import MAX_BYTES, RunLog
from agent.cli.streams import lasting, leave_terminal
from agent.errors import HistoryFault
from agent.history.runs import log_path
from agent.project.find import Project, find_project
from agent.project.settings import Settings
from agent.records.events import Note
from tests.agent.cli.night import make_repository


def test_what_is_written_to_a_terminal_that_is_gone_is_dropped() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as own, lasting(own) as stream:
        os.close(master)
        with pytest.raises(OSError):
            os.write(slave, b"as it was")
        print("nobody sees this", file=stream, flush=True)
        assert os.fstat(slave).st_rdev == Path(os.devnull).stat().st_rdev


def test_a_pipe_without_a_reader_is_an_error_until_the_terminal_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as own, lasting(own) as stream:
        with pytest.raises(BrokenPipeError):
            print("lost", file=stream, flush=True)
        with (tmp_path / "log").open("w") as log, monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            leave_terminal(frozenset(), log.fileno())
        print("dropped", file=stream, flush=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return find_project(make_repository(tmp_path / "repository"), Settings())


def test_a_log_is_made_by_its_first_line_and_goes_on_in_the_next_session(project: Project) -> None:
    path = log_path(project, "t")
    for text in ("first", "second\n\x1b[31mred"):
        log = RunLog(project, "t")
        assert not log.begun
        log.line(text)
        log.handle(Note(text))
        assert log.begun
        log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert [line[20:] for line in lines[:2]] == ["first", "note: first"]
    assert len(lines) == 4
    assert all(map(str.isprintable, lines))


def test_a_long_log_is_put_aside_when_a_session_begins(project: Project) -> None:
    path = log_path(project, "t")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    log = RunLog(project, "t")
    log.line("new")
    log.close()
    assert path.stat().st_size < 100
    assert path.with_name("run.log.old").stat().st_size == MAX_BYTES + 1


def test_a_log_that_is_a_link_is_refused(project: Project, tmp_path: Path) -> None:
    path = log_path(project, "t")
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HistoryFault, match="cannot write the log"):
        RunLog(project, "t").line("lost")
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_in_a_line_is_not_stored(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-0123456789abcdef0123456789")
    log = RunLog(project, "t")
    log.line("--notify 'curl -H sk-0123456789abcdef0123456789'")
    log.close()
    assert "sk-0123456789abcdef0123456789" not in log_path(project, "t").read_text()
