"""The standard streams of a command that may outlive its terminal."""

import errno
import io
import os
import sys
from typing import Any, TextIO

STANDARD = (0, 1, 2)


class _Stream(io.FileIO):
    """A standard stream that drops writes to a terminal that is gone.

    A pipe without a reader is an error as ever, unless the terminal of the command is gone.
    """

    hung_up = False

    def write(self, data: Any) -> int:
        """Write `data`, or drop it if the terminal is gone."""
        try:
            return super().write(data) or 0
        except OSError as error:
            # What the reader of a pipe, such as tee, prints went with the terminal too.
            dropped = (errno.EIO, errno.EPIPE) if self.hung_up else (errno.EIO,)
            if error.errno not in dropped:
                raise
            _lead_to(os.devnull, self.fileno())
            return memoryview(data).nbytes


def lasting(stream: TextIO) -> TextIO:
    """Return a stream on the same descriptor that survives the end of its terminal."""
    assert isinstance(stream, io.TextIOWrapper), "main starts with Python's own streams"
    raw = _Stream(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def terminals() -> frozenset[int]:
    """Return the standard descriptors that lead to a terminal now."""
    return frozenset(number for number in STANDARD if os.isatty(number))


def leave_terminal(descriptors: frozenset[int], log: int) -> None:
    """Redirect the standard descriptors away from the terminal: stderr to `log`."""
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Stream):
            raw.hung_up = True
    for number in descriptors:
        if number == 2:
            os.dup2(log, number)
        else:
            _lead_to(os.devnull, number)


def _lead_to(path: str, number: int) -> None:
    descriptor = os.open(path, os.O_RDWR)
    os.dup2(descriptor, number)
    os.close(descriptor)
