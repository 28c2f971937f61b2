"""Hashes all that a prepare.py can run, which consent to the network holds for.

A file beside it, an environment that the repository brings and a folder of `read_only` in the
checkout can hold code that it runs.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.ground.record import Record


class Code(Record):
    """What a prepare.py can run besides the user's own packages."""

    sha256: str
    files: int
    """How many files its copy of the project has."""
    places: tuple[str, ...]
    """What it is shown besides that lies in the repository."""


def code_of(copy: Path, places: Iterable[str]) -> Code:
    """Return what a prepare.py can run.

    copy: the folder that it runs in. places: paths in the repository that it is shown besides;
    of these, names, sizes and times count.
    """
    named = tuple(places)
    whole = hashlib.sha256()
    files = 0
    for path, status in _entries(copy):
        about = (os.path.relpath(path, copy), stat.S_IFMT(status.st_mode), _content(path, status))
        whole.update(repr(about).encode("utf-8", "surrogateescape"))
        files += not stat.S_ISDIR(status.st_mode)
    for place in named:
        for path, status in _entries(Path(place)):
            change = (str(path), status.st_mode, status.st_size, status.st_ctime_ns)
            whole.update(repr(change).encode("utf-8", "surrogateescape"))
    return Code(sha256=whole.hexdigest(), files=files, places=named)


def _entries(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield a path and all below it, in a stable order, without following links."""
    if not os.path.lexists(place):
        return
    yield place, place.lstat()
    for folder, folders, files in os.walk(place):
        folders.sort()
        for name in sorted((*folders, *files)):
            path = Path(folder, name)
            yield path, path.lstat()


def _content(path: Path, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return str(path.readlink())
    if stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return ""
