"""Copies declared outputs out of a run's folder, which untrusted code wrote."""

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from sandbox.ground.fault import SandboxFault

LEFT_NO = "it left no "
"""Stands in a reason before the path of an output that is missing."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class BadOutput(Exception):
    """An output is not a plain file that can be passed on; the message says why."""


class NoOutput(Exception):
    """The run left no such file."""


def remove_outputs(folder: Path, names: Sequence[str]) -> None:
    """Remove committed outputs from a fresh copy: only what the run itself leaves counts."""
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()


def take_outputs(folder: Path, names: Sequence[str], target: Path, max_bytes: int) -> None:
    """Copy the outputs of a run from `folder` to `target`, each under its own name.

    They are opened by descriptor, and none of their folders may be a link. Raise NoOutput or
    BadOutput; at most max_bytes are read in all.
    """
    left = max_bytes
    for name in names:
        left -= _take(folder, name, target / name, left)


def place_outputs(
    source: Path, names: Sequence[str], folder: Path, read_only: bool = False
) -> None:
    """Copy taken outputs to their places in a fresh copy of the project.

    read_only: nobody may write or start them there.
    """
    for name in names:
        place = folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                place.unlink()
            shutil.copyfile(source / name, place, follow_symlinks=False)
            place.chmod(0o444 if read_only else (source / name).stat().st_mode & 0o755)
        except OSError as error:
            raise SandboxFault(f"cannot copy {name} to {folder}: {error.strerror}") from error


def _take(folder: Path, name: str, target: Path, max_bytes: int) -> int:
    """Copy one output, and return its size."""
    descriptor = _open(folder, name)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BadOutput(f"{name} is not a regular file")
        if status.st_nlink != 1:
            raise BadOutput(f"{name} is also another file: it has {status.st_nlink} links")
        if status.st_size > max_bytes:
            raise BadOutput(f"{name} has {status.st_size} bytes (up to {max_bytes} are read)")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            target.chmod(0o755 if status.st_mode & stat.S_IXUSR else 0o644)
        except OSError as error:
            raise SandboxFault(f"cannot copy {name} to {target}: {error.strerror}") from error
    return status.st_size


def _open(folder: Path, name: str) -> int:
    """Return a descriptor of the file itself: no step to it is a link, and no FIFO blocks."""
    *above, last = PurePosixPath(name).parts
    here = -1
    try:
        here = os.open(folder, _FLAGS | os.O_DIRECTORY)
        for part in above:
            inner = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        descriptor = os.open(last, _FLAGS | os.O_NONBLOCK, dir_fd=here)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadOutput(f"{name} is a folder")
        return descriptor
    except FileNotFoundError:
        raise NoOutput(f"{LEFT_NO}{name}") from None
    except OSError as error:
        reason = str(error.strerror).lower()
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            reason = "a part of its path is a symbolic link"
        raise BadOutput(f"{name} cannot be opened as a file: {reason}") from None
    finally:
        if here >= 0:
            os.close(here)
