"""A real terminal for tests: tmux, which wraps lines anew when it is resized and has a scrollback.

Tests that use it are skipped where tmux is not installed.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

PATIENCE_SECONDS = 120.0


class Terminal:
    """A terminal of its own, in which `command` runs, then a shell's `read`: it stays open."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        columns: int = 120,
        lines: int = 30,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._socket = cwd / "tmux.socket"
        size = ("-x", str(columns), "-y", str(lines))
        kept = ("TMUX", "TMUX_PANE", "COLUMNS", "LINES")
        surroundings = {name: value for name, value in os.environ.items() if name not in kept}
        self._env = {**surroundings, **(env or {})}
        # Ctrl-C is for the command alone.
        program = f"trap : INT; {shlex.join(command)}; echo ended with $?; read nothing"
        self._start = ("new-session", "-d", "-c", str(cwd), *size, f"sh -c {shlex.quote(program)}")

    def __enter__(self) -> Self:
        self._tmux(*self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def type(self, *keys: str) -> None:
        """Type keys: text, or tmux's names for the others (C-c, Enter)."""
        self._tmux("send-keys", *keys)

    def lines(self) -> list[str]:
        """Return the lines of the scrollback and of the screen, without empty ones."""
        text = self._tmux("capture-pane", "-p", "-S", "-1000")
        return [line for line in text.splitlines() if line.strip()]

    def until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Return the lines as soon as they are as wanted; fail with them if they never are."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            lines = self.lines()
            if holds(lines):
                return lines
            time.sleep(0.1)
        shown = "\n".join(self.lines())
        raise AssertionError(f"the terminal never showed what was waited for, but:\n{shown}")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-f", "/dev/null", "-S", str(self._socket), *words]
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=self._env)
        return run.stdout
