"""Temporary folders that are removed even after a kill, and removal of arbitrary folders."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from sandbox.ground.fault import SandboxFault

PREFIX = "autoresearch-"
RANDOM = "[a-z0-9_]" * 8
"""Behind the kind, in the name of each folder that is made here."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PASSED = 0o711
"""Of a folder that a run's own user passes through, and cannot list."""


@contextmanager
def temporary_folder(
    kind: str, parent: Path | None = None, prefix: str = PREFIX, *, passed: bool = False
) -> Iterator[Path]:
    """Yield a new folder `autoresearch-KIND-…` in `parent`, removed on leaving.

    parent: by default the system's folder for temporary files. prefix: in place of the usual one,
    for a shorter or a hidden name; with the kind it must be one that no user gives a folder.
    passed: whether runs pass through it, which have another uid in tier C of root's. The
    owner holds a lock on the folder, which the kernel drops however the owner dies; those of the
    same kind whose owner has died are removed first. Raise SandboxFault if none can be made.
    """
    where = parent or Path(tempfile.gettempdir())
    start = f"{prefix}{kind}-"
    _sweep(start, where)
    while True:
        path = _make(start, where)
        try:
            lock = os.open(path, FOLDER)
        except FileNotFoundError:  # a sweep took it before it was locked
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_at(lock, path):
            break
        os.close(lock)
    try:
        if passed:
            path.chmod(PASSED)
        yield path
    finally:
        remove_tree(path)
        os.close(lock)


def _make(start: str, where: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=start, dir=where))
    except OSError as error:
        raise SandboxFault(
            f"cannot make a folder in {where}: {error.strerror}", f"df -h {quote(str(where))}"
        ) from error


def sweep(kind: str, parent: Path) -> None:
    """Remove this user's folders of `kind` in `parent` whose owners are gone."""
    _sweep(f"{PREFIX}{kind}-", parent)


def _sweep(start: str, parent: Path) -> None:
    for path in parent.glob(f"{start}{RANDOM}"):
        with suppress(OSError):
            lock = os.open(path, FOLDER)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(path)
            finally:
                os.close(lock)


def remove_tree(path: Path) -> None:
    """Remove the folder `path` with all in it, however deep, whatever its modes.

    What cannot be removed stays. No link is followed. Nothing may be at work in it. (shutil.rmtree
    gives up below a depth of about a thousand folders.)
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
    """Remove the entries of `top`, moving subfolders up; return whether that did anything."""
    moved = 0
    removed = 0
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
    """Remove the files of `folder`, move its folders to `top` under new names; return how many."""
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
