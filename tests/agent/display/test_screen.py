"""A page redrawn in place, in a real terminal: no resize leaves a line behind, or cuts the last."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from agent.display.screen import Screen
from tests.terminal import Terminal, needs_tmux

ROOT = Path(__file__).parents[3]
SIZES = [(60, 20), (200, 50), (40, 10)]

NIGHT = """
from rich.console import Console
from agent.display import LiveDisplay
from tests.agent.display.runs import morning

print("before the run")
with LiveDisplay(Console()) as display:
    for event in morning():
        display.handle(event)
    try:
        input()
    except KeyboardInterrupt:
        pass
print("after the run")
"""


def count(lines: list[str], start: str) -> int:
    """Return how many lines begin with `start`."""
    return sum(line.startswith(start) for line in lines)


def whole(lines: list[str], width: int) -> bool:
    """Return whether the lines are one frame of the night that fits `width`, and nothing else."""
    once = [count(lines, start) for start in ("autoresearch nov24", "best  ", "run   ")]
    title = next((line for line in lines if line.startswith("autoresearch nov24")), "")
    return once == [1, 1, 1] and len(title) == width


@needs_tmux
def test_resizing_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NIGHT]
    with Terminal(command, tmp_path, env={"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.until(lambda lines: whole(lines, 120))
        for columns, height in SIZES:
            terminal.resize(columns, height)
            lines = terminal.until(lambda lines, width=columns: whole(lines, width))
            assert lines[-1].startswith(
                ("run   ", "      ", "Ctrl-C", "twice", "`autoresearch tell`")
            )
            assert max(map(len, lines)) <= columns
        terminal.type("Enter")
        assert terminal.until(lambda lines: "ended with 0" in lines) == [
            "before the run",
            "after the run",
            "ended with 0",
        ]


@needs_tmux
def test_the_ordinary_screen_is_back_while_the_program_is_suspended(tmp_path: Path) -> None:
    command = ["env", "PS1=$ ", "bash", "--norc", "-i"]
    with Terminal(command, tmp_path, env={"PYTHONPATH": str(ROOT)}) as terminal:
        (tmp_path / "night.py").write_text(NIGHT)
        terminal.type(f"{sys.executable} night.py", "Enter")
        terminal.until(lambda lines: whole(lines, 120))
        terminal.type("C-z")
        lines = terminal.until(lambda lines: any("Stopped" in line for line in lines))
        assert "before the run" in lines and not count(lines, "best")
        terminal.type("fg", "Enter")
        terminal.until(lambda lines: whole(lines, 120))
        terminal.type("Enter")
        terminal.until(lambda lines: "after the run" in lines)


class Pipe(io.StringIO):
    """A terminal that goes away after its first frame."""

    gone = False
    drawn = threading.Event()

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        self.drawn.set()
        return super().write(text)


def test_a_terminal_that_goes_away_ends_the_drawing_only() -> None:
    file = Pipe()
    with Screen(Console(file=file, force_terminal=True), lambda: Text("a page")):
        assert file.drawn.wait(60)
        file.gone = True
    assert "\x1b[?1049l" not in file.getvalue()


def test_what_others_write_to_stderr_is_printed_afterwards(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with Screen(Console(file=io.StringIO(), force_terminal=True), lambda: Text("a page")):
            print("a warning \x1b[2J", file=sys.stderr)
            assert sys.stderr is not terminal
        assert sys.stderr is terminal
    assert os.read(ours, 1000).decode().strip() == "a warning \\x1b[2J"
    os.close(ours)


def test_a_frame_is_as_high_as_the_terminal_at_most() -> None:
    file = io.StringIO()
    console = Console(file=file, width=20, height=3, force_terminal=True)
    page = Text("\n".join("abcdef"))
    with Screen(console, lambda: page):
        pass
    frame = file.getvalue().split("\x1b[H")[1]
    assert [line.strip("\x1b[2K") for line in frame.split("\x1b[?7h")[0].split("\r\n")] == [
        "a",
        "b",
        "c",
    ]
