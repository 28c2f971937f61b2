"""What is said of a wait: nothing of a short one; then what, how far, and why."""

import io
import os
import pty
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from agent.display import waiting as module
from agent.display.waiting import waiting
from agent.records.stage import Stage


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in tenths of a second."""
    monkeypatch.setattr(module, "SAID_SECONDS", 0.1)
    monkeypatch.setattr(module, "EXPLAINED_SECONDS", 0.3)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that will be so."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def file_console() -> Console:
    """A console that is no terminal."""
    return Console(file=io.StringIO(), width=10_000, markup=False, highlight=False)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_short_wait_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAID_SECONDS", 60.0)
    console = file_console()
    with waiting("nothing much", console=console) as wait:
        wait.because("it is short")
    assert printed(console) == []


def test_a_long_wait_says_what_it_is_for_and_later_why() -> None:
    console = file_console()
    with waiting("the sandbox", "a probe tries to get out", console=console):
        until(lambda: len(printed(console)) == 2)
    first, second = printed(console)
    assert first == "waiting for the sandbox"
    assert re.fullmatch(r"waiting for the sandbox \(\d+ s\): a probe tries to get out", second)


def test_a_known_reason_is_given_at_once_and_each_new_one_again() -> None:
    console = file_console()
    with waiting("opus", "it is slow", console=console) as wait:
        for reason in ("no route; trying again in 1 s", "no route; trying again in 2 s"):
            wait.because(reason)
            until(lambda reason=reason: any(reason in line for line in printed(console)))  # type: ignore[misc]
    assert printed(console)[0] == "waiting for opus: no route; trying again in 1 s"
    assert not any("it is slow" in line for line in printed(console))


def test_what_others_wrote_is_shown_harmlessly_and_on_one_line() -> None:
    console = file_console()
    hostile = "\x1b[2Jx\nerror: [red]you"
    with waiting("data", look=lambda: Stage(hostile), console=console):
        until(lambda: len(printed(console)) > 0)
    (line, *_) = printed(console)
    assert "\x1b" not in line and "[red]you" in line


def test_an_error_or_ctrl_c_ends_the_wait() -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), waiting("data", console=file_console()):
        raise KeyboardInterrupt
    assert threading.active_count() == before


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[tuple[Console, list[bytes]]]:
    """A console on a real pseudo-terminal of 80 columns, and what was written to it."""
    monkeypatch.setenv("TERM", name)
    leader, follower = pty.openpty()
    output: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(leader, 4096):
                output.append(data)
        except OSError:
            return

    thread = threading.Thread(target=read)
    thread.start()
    with os.fdopen(follower, "w", encoding="utf-8") as file:
        yield Console(file=file, width=80, height=24, markup=False, highlight=False), output
    thread.join()
    os.close(leader)


def test_a_terminal_has_one_line_with_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    share = 0.25
    with terminal(monkeypatch, "xterm-256color") as (console, output):
        with waiting("the data", look=lambda: Stage("shard 2 of 5", share), console=console):
            until(lambda: b"25% shard 2 of 5" in b"".join(output))
            share = 0.75
            until(lambda: b"75% shard 2 of 5" in b"".join(output))
        console.print("ready")
        until(lambda: b"ready" in b"".join(output))
    text = b"".join(output).decode()
    last = text[text.rindex("shard") :]
    assert "\x1b[2K" in last and "\x1b[?25h" in last, "the line is erased, the cursor is back"


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, "dumb") as (console, output), waiting("data", console=console):
        until(lambda: b"waiting for data" in b"".join(output))
    assert b"\x1b" not in b"".join(output)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        Stage("x", fraction)
