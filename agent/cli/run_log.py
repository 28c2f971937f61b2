"""The log of a run's sessions on this machine: a line for each event, with the time."""

import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import IO, cast

from rich.console import Console, RenderableType

from agent.display.format import PAPER, formatter_for
from agent.display.plain import PlainDisplay
from agent.errors import Fault, HistoryFault
from agent.git.home import no_link, run_folder
from agent.history.runs import log_path
from agent.project.find import Project
from agent.records.events import Event
from sandbox.ground.redaction import redacted

MAX_BYTES = 16 << 20
"""A log that is longer when a session begins is put aside as run.log.old, in place of an older."""
STAMP = "%Y-%m-%d %H:%M:%S"


class RunLog:
    """The log of the run `tag`. Later sessions append to it; the first line creates it.

    If the disk is full, the log ends, and the run goes on.
    """

    def __init__(self, project: Project, tag: str) -> None:
        self.path = log_path(project, tag)
        self.tag = tag
        self._root = Path(project.root)
        self._file = _Appended(self._open)
        file = cast(IO[str], self._file)
        self.console = Console(
            file=file, width=PAPER, markup=False, highlight=False, emoji=False, no_color=True
        )
        self._display = PlainDisplay(self.console, STAMP)

    @property
    def begun(self) -> bool:
        """Whether this object has written a line."""
        return self._file.descriptor is not None

    @property
    def descriptor(self) -> int:
        """The descriptor of the file, which is opened if it is not yet."""
        return self._file.opened()

    def handle(self, event: Event) -> None:
        """Write a line about `event`, as plain output shows it."""
        self._display.handle(event)

    def line(self, text: str) -> None:
        """Write a line with the time."""
        line = formatter_for(self.console).line(redacted(text))
        self.page(f"{time.strftime(STAMP)} {line}")

    def page(self, page: RenderableType) -> None:
        """Write a table or other page that was printed, too."""
        self.console.print(page, soft_wrap=True)

    def fault(self, error: BaseException) -> None:
        """Write why a session ended early, and what to type next."""
        match error:
            case Fault():
                self.line(f"error: {error.message}")
                if error.next_command:
                    self.line(f"next: {error.next_command}")
            case KeyboardInterrupt():
                self.line("interrupted")
            case SystemExit() | BrokenPipeError():
                self.line(f"nobody reads the output; `autoresearch resume {self.tag}` continues")
            case _:
                self.line(f"error: {type(error).__name__}: {error}")

    def is_stderr(self) -> bool:
        """Return whether stderr is this file."""
        try:
            return os.path.sameopenfile(self.descriptor, 2)
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> int:
        """Open the file for appending, readable for the user alone."""
        run_folder(self._root, self.tag, make=True)
        try:
            with suppress(FileNotFoundError):
                if self.path.lstat().st_size > MAX_BYTES:
                    self.path.replace(self.path.with_name("run.log.old"))
            return no_link(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            message = f"cannot write the log {self.path}: {error.strerror}"
            raise HistoryFault(message, f"ls -l {quote(str(self.path))}; df -h .") from None


class _Appended(io.TextIOBase):
    """A text file that is opened by the first write and drops writes that fail."""

    encoding = "utf-8"

    def __init__(self, opener: Callable[[], int]) -> None:
        self._opener = opener
        self.descriptor: int | None = None

    def opened(self) -> int:
        if self.descriptor is None:
            self.descriptor = self._opener()
        return self.descriptor

    def write(self, text: str) -> int:
        with suppress(OSError):
            os.write(self.opened(), text.encode("utf-8", "backslashreplace"))
        return len(text)

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
        self.descriptor = None
        super().close()
