"""Looks at files that others named or wrote: a link may lead anywhere, a pipe may never end."""

import errno
import os
import stat
from pathlib import Path

from sandbox.ground.links import link_above

MAX_SOURCE = 1 << 24
"""Bytes of a file whose lines are counted."""
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


def named_file(path: Path, limit: int) -> bytes:
    """Return what is in a file that the user named, or in the one that a link leads to.

    Raise OSError for what is no file, and for one of more than `limit` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return data


def exists(path: Path) -> bool:
    """Return whether there is something at a path that others wrote.

    Unlike pathlib's own, this and the next two raise nothing for a name that no file can have.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path) -> bool:
    """Return whether a path that others wrote leads to a file."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Return whether a path that others wrote leads to a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def lines_of(folder: Path, name: str) -> int:
    """Return how many lines a file of a copy of a project has; 0 for what is no plain file of it.

    Only for a copy in which nothing runs.
    """
    try:
        data = None if link_above(folder, name) else start_of(folder / name, MAX_SOURCE)
    except (OSError, ValueError):  # no file can have this name, or it is not there
        return 0
    return len(data.splitlines()) if data else 0
