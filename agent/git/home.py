"""The folder .autoresearch: every path below it is made here, of checked names and real folders."""

import errno
import os
import re
import secrets
import stat
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault, UsageFault
from sandbox.ground.lacks import next_after

HOME = ".autoresearch"
# git keeps a reference in a file of this name, with `.lock` and more behind it.
MAX_TAG = 200
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_IGNORE = ".gitignore"


def is_tag(text: str) -> bool:
    """Return whether a run, its branch and its folders can be called `text`."""
    if not _TAG.fullmatch(text) or len(text) > MAX_TAG:
        return False
    return ".." not in text and not text.endswith((".", ".lock"))


def checked(tag: str) -> str:
    """Return `tag`. Raise UsageFault if it cannot be part of a branch's name."""
    if not is_tag(tag):
        raise UsageFault(not_a_tag(tag), "autoresearch start --tag night1")
    return tag


def not_a_tag(text: str) -> str:
    """Return what is wrong with a text that is no tag."""
    allowed = f"letters, digits, dots, dashes and underscores, {MAX_TAG} at most"
    return f"not a tag: {text[:300]!r} ({allowed})"


def run_folder(root: Path, tag: str, *names: str, make: bool = False) -> Path:
    """Return the folder of the run `tag` of a repository, or one below it; see `below`."""
    return below(root, HOME, "runs", checked(tag), *names, make=make)


def worktree_path(root: Path, tag: str) -> Path:
    """Return where the branch of the run `tag` is checked out; see `below`."""
    return below(root, HOME, "worktrees", checked(tag)).resolve()


def below(base: Path, *names: str, make: bool = False) -> Path:
    """Return the folder `names` below `base`.

    Each of them is a real folder that belongs to us or to the owner of `base`. make: create the
    folders that are missing. Raise HistoryFault for a link, for anything that is no folder, and for
    a folder of another user: a repository that came from somebody must not send what we write or
    read elsewhere.
    """
    path = base
    try:
        owners = {os.geteuid()}
        if os.path.lexists(base):
            owners.add(base.lstat().st_uid)
        for name in names:
            if not _NAME.fullmatch(name) or name in (".", ".."):
                message = f"{name[:300]!r} is no name of a folder below {path}"
                raise HistoryFault(message, "autoresearch status")
            path = path / name
            if make:
                path.mkdir(exist_ok=True)
            _refuse_foreign(path, owners)
            if make and name == HOME:
                _hide(path)
    except OSError as error:
        message = f"cannot use the folder {path}: {error.strerror}"
        raise HistoryFault(message, next_after(error, "df -h .")) from None
    return path


def no_link(path: str, flags: int, mode: int = 0o666) -> int:
    """Return the descriptor of a file, for `open(…, opener=no_link)`.

    mode: of a file that is made. Raise OSError for a link, a pipe, a device, or a file with a
    second name.
    """
    safely = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    # Nothing is truncated before the file was looked at.
    descriptor = os.open(path, (flags & ~os.O_TRUNC) | safely, mode)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file of its own", path)
    if flags & os.O_TRUNC:
        os.ftruncate(descriptor, 0)
    return descriptor


def write_whole(
    path: Path, data: bytes, *, lasting: bool = True, folder: int | None = None
) -> None:
    """Write a file for this user alone, whole or not at all, in place of one of the same name.

    A link of that name is replaced, not followed. lasting: wait until the data is on the disk, so
    that it survives a power cut. folder: the descriptor of the folder that `path` is relative to.
    Raise OSError if the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.rename(draft, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files in `folder` whose names end in `suffix`, sorted; no links."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    return sorted(
        Path(entry.path)
        for entry in entries
        if entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False)
    )


def free(path: Path) -> Path:
    """Return `path` if nothing is there, else one beside it."""
    beside = (path.with_name(f"{path.name}.old-{number}") for number in count(1))
    return next(place for place in chain([path], beside) if not os.path.lexists(place))


def remove_file(path: Path) -> None:
    """Remove what may be left at `path`: a link itself, not what it leads to.

    Raise HistoryFault if that fails.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        message = f"cannot replace {path}: {error.strerror}"
        raise HistoryFault(message, f"rm -r {quote(str(path))}") from None


def _refuse_foreign(path: Path, owners: set[int]) -> None:
    """Raise HistoryFault if there is something at `path` but a folder of one of the owners."""
    name = quote(str(path))
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(status.st_mode):
        message = (
            f"{path} is a symbolic link; autoresearch writes and reads there, and follows none"
        )
        raise HistoryFault(message, f"rm {name}   # it may have come with the repository")
    if not stat.S_ISDIR(status.st_mode):
        raise HistoryFault(f"{path} is in the way: it is no folder", f"rm {name}")
    if status.st_uid not in owners:
        message = f"{path} belongs to another user (uid {status.st_uid})"
        raise HistoryFault(message, f"ls -ld {name}")


def _hide(home: Path) -> None:
    """Keep the folder out of the user's `git status` by a file in it, not in the repository."""
    try:
        with open(home / _IGNORE, "x", encoding="utf-8", opener=no_link) as file:
            file.write("*\n")
    except FileExistsError:
        return
