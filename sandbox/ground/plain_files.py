"""Reads plain files that others wrote: a link may lead anywhere, and a pipe may never end."""

import os
import stat
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def start_of(path: Path, limit: int) -> bytes | None:
    """Return the first `limit` bytes of a plain file; None for a link and anything else.

    Raise OSError if the file cannot be read.
    """
    if path.is_symlink():
        return None
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)
