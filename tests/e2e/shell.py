"""A person's terminal: a shell in tmux, which can be closed while something runs in it."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.researcher import wait_for

PROMPT = "ready>"


class Shell:
    """A shell of `columns` × 40 in a folder, with exactly these variables."""

    def __init__(
        self, socket: Path, folder: Path, variables: dict[str, str], columns: int = 120
    ) -> None:
        self.socket = socket
        self._entered = 0
        own = {**variables, "PS1": f"{PROMPT} ", "TERM": "xterm-256color"}
        own.pop("COLUMNS", None)  # the terminal's own width holds
        clean = ["env", "-i", *(f"{name}={value}" for name, value in own.items())]
        shell = shlex.join([*clean, "bash", "--noprofile", "--norc"])
        size = ("-x", str(columns), "-y", "40")
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder), shell)
        self._tmux("set-option", "-g", "history-limit", "20000")
        wait_for(self._is_ready, what="a prompt")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self.socket), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _is_ready(self) -> bool:
        """Whether the last line is an empty prompt, perhaps behind the name of an environment."""
        return self.screen().rstrip().endswith(PROMPT)

    def screen(self) -> str:
        """Return what the terminal shows, with what has scrolled away."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def begin(self, command: str) -> None:
        """Type a command and return while it works."""
        self._tmux("send-keys", "-l", command)
        self._tmux("send-keys", "Enter")

    def enter(self, command: str, seconds: float = 120) -> str:
        """Type a command, wait for its end, and return what it printed; it must not fail."""
        self._entered += 1
        self.begin(f"{command} && echo do''ne {self._entered} || echo fai''led {self._entered}")
        done = f"\ndone {self._entered}\n"
        failed = f"\nfailed {self._entered}\n"
        wait_for(lambda: done in self.screen() or failed in self.screen(), seconds, command)
        screen = self.screen()
        assert done in screen, screen
        wait_for(self._is_ready, what="a prompt")
        return screen.rpartition(done)[0].rpartition(f"{PROMPT} {command}")[2]

    def close(self) -> None:
        """Close the terminal, whatever runs in it."""
        command = ["tmux", "-S", str(self.socket), "kill-server"]
        subprocess.run(command, check=False, capture_output=True)
        wait_for(lambda: not self._alive(), what="the terminal to close")

    def _alive(self) -> bool:
        command = ["tmux", "-S", str(self.socket), "has-session"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def terminal(socket: Path, folder: Path, variables: dict[str, str]) -> Iterator[Shell]:
    """Open a terminal, and close it at the end if nobody has; skip where there is no tmux."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here: apt-get install tmux")
    shell = Shell(socket, folder, variables)
    try:
        yield shell
    finally:
        shell.close()
