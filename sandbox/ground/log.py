"""A run's log file, opened so that no link can redirect the writes."""

import os
import stat
from pathlib import Path
from shlex import quote

from sandbox.ground.fault import SandboxFault

CREATE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Log:
    """An open, empty log; a context manager that closes it."""

    def __init__(self, path: str) -> None:
        """Open and empty `path`.

        Raise SandboxFault if it cannot be opened, is a link, has a second name or is no plain file.
        """
        self.path = path
        try:
            self._file = os.open(path, CREATE, 0o644)
        except OSError as error:
            raise SandboxFault(
                f"cannot write the log {path}: {error.strerror}", self._remove()
            ) from error
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(self._file)
            raise SandboxFault(f"the log {path} is not a file with one name", self._remove())
        os.ftruncate(self._file, 0)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, data: bytes) -> None:
        """Append all of `data`. Raise SandboxFault if it cannot be written."""
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            folder = Path(self.path).parent
            raise SandboxFault(
                f"cannot write the log {self.path}: {_plain(error)}", f"df -h {quote(str(folder))}"
            ) from error

    def _remove(self) -> str | None:
        return f"rm {quote(str(self.path))}" if os.path.lexists(self.path) else None


def _plain(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
