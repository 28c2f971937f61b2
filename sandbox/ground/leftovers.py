"""Temporary folders that a killed harness does not leave for ever, and the removal of whatever a run left in a folder."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.ground.fault import SandboxFault

PREFIX = "autoresearch-"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def temporary_folder(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder `autoresearch-KIND-…` in `parent` (default: the system's for temporary files), removed on leaving.

    Its owner holds a lock on it, which the kernel drops when the owner dies however it dies. Those of the same kind whose owner
    has died are removed first. SandboxFault where none can be made.
    """
    where = parent or Path(tempfile.gettempdir())
    sweep(kind, where)
    while True:
        path = _make(kind, where)
        try:
            lock = os.open(path, FOLDER)
        except FileNotFoundError:  # a sweep took it before it was locked
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_at(lock, path):
            break
        os.close(lock)
    try:
        yield path
    finally:
        remove_tree(path)
        os.close(lock)


def _make(kind: str, where: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=where))
    except OSError as error:
        raise SandboxFault(
            f"cannot make a folder in {where}: {error.strerror}", f"df -h {where}"
        ) from error


def sweep(kind: str, parent: Path) -> None:
    """Remove this user's folders of `kind` in `parent` that nobody holds any more."""
    for path in parent.glob(f"{PREFIX}{kind}-*"):
        with suppress(OSError):
            lock = os.open(path, FOLDER)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(path)
            finally:
                os.close(lock)


def remove_tree(path: Path) -> None:
    """Remove the folder `path` with all in it, however deep it is and whatever its modes are; what cannot be removed stays.

    No link is followed. Nothing may be at work in it: shutil.rmtree gives up below a depth of about a thousand folders.
    """
    with suppress(OSError):
        if not path.is_symlink():
            path.chmod(0o700)
        top = os.open(path, FOLDER)
        try:
            while _flatten(top):
                pass
        finally:
            os.close(top)
        path.rmdir()


def _flatten(top: int) -> bool:
    """Remove what is in `top` and move what is one level deeper up into it; return whether anything came of it."""
    moved = removed = 0
    for name in os.listdir(top):
        if _remove(name, top):
            removed += 1
            continue
        with suppress(OSError):
            os.chmod(name, 0o700, dir_fd=top)
            folder = os.open(name, FOLDER, dir_fd=top)
            try:
                moved += _lift(folder, top)
            finally:
                os.close(folder)
            removed += _remove(name, top)
    return bool(moved or removed)


def _lift(folder: int, top: int) -> int:
    """Remove the files of `folder` and move its folders to `top` under new names; return how many were moved."""
    moved = 0
    for name in os.listdir(folder):
        if not _remove(name, folder):
            os.chmod(name, 0o700, dir_fd=folder)  # a folder that moves must be writable
            os.rename(name, f".{os.urandom(8).hex()}", src_dir_fd=folder, dst_dir_fd=top)
            moved += 1
    return moved


def _remove(name: str, folder: int) -> bool:
    """Remove a file or an empty folder; return whether it is gone."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
