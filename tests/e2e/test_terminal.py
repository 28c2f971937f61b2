"""A real run in a real terminal that is resized again and again, and one that watches it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal, needs_tmux

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_tmux]

PROGRAM = str(Path(sys.executable).parent / "autoresearch")
START = ("start", "--model", "none", "--trials", "2", "--budget", "6s", "--tag", "resized")
SIZES = [(60, 20), (200, 50), (40, 24), (80, 12), (60, 20), (40, 10), (120, 30)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh project."""
    folder = tmp_path / "project"
    subprocess.run([PROGRAM, "init", str(folder)], check=True, capture_output=True)
    return folder


def starts(lines: list[str], *beginnings: str) -> list[int]:
    """Return for each of `beginnings` how many lines have it."""
    return [sum(line.startswith(start) for line in lines) for start in beginnings]


def is_live(lines: list[str]) -> bool:
    """Return whether one frame of the live view is there, from its title to its last lines."""
    return starts(lines, "autoresearch resized", "best  ", "run   ") == [1, 1, 1]


def is_status(lines: list[str]) -> bool:
    """Return whether one page of `status` is there."""
    return starts(lines, "run  ", "noise  ", "trials  ") == [1, 1, 1]


def test_no_resize_leaves_a_line_of_a_run_behind(project: Path, tmp_path: Path) -> None:
    with Terminal([PROGRAM, *START], project) as terminal:
        terminal.until(lambda lines: is_live(lines) and "#0 train.py as it is" in "\n".join(lines))
        watching = tmp_path / "elsewhere"
        watching.mkdir()
        command = ["sh", "-c", f"cd {project} && {PROGRAM} status resized --watch"]
        with Terminal(command, watching) as second:
            second.until(is_status)
            for columns, height in SIZES:
                terminal.resize(columns, height)
                second.resize(columns, height)
                lines = terminal.until(
                    lambda lines, width=columns: is_live(lines) and len(lines[0]) == width
                )
                assert max(map(len, lines)) <= columns
                second.until(lambda lines: starts(lines, "run  ") == [1])
        terminal.type("C-c")
        terminal.until(lambda lines: starts(lines, "note  stopping") == [1])
        terminal.type("C-c")
        lines = terminal.until(lambda lines: starts(lines, "ended with") == [1])
    assert starts(lines, "autoresearch resized", "run   ", "best    ") == [0, 0, 1]
