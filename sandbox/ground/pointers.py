"""Recognises the files that Git LFS leaves where the contents are not: pointers of a few lines."""

import os
from pathlib import Path

from sandbox.ground.plain_files import start_of

BEGINS = b"version https://git-lfs.github.com/spec/"
MAX_BYTES = 1_024
"""Of a pointer, by the specification of Git LFS."""
MAX_FILES = 20_000
"""Files of a folder that are looked at."""


def is_pointer(path: Path) -> bool:
    """Return whether a file is a pointer of Git LFS. No link is followed."""
    try:
        if path.is_symlink() or path.stat().st_size > MAX_BYTES:
            return False
        return (start_of(path, MAX_BYTES) or b"").startswith(BEGINS)
    except OSError:
        return False


def pointers_in(folder: Path) -> list[str]:
    """Return the paths of the pointers below a folder, relative to it; none if git has no LFS."""
    try:
        attributes = start_of(folder / ".gitattributes", 1 << 16) or b""
    except OSError:
        return []
    if b"filter=lfs" not in attributes:
        return []
    paths: list[str] = []
    looked_at = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        looked_at += len(names)
        if looked_at > MAX_FILES:
            break
        found = [Path(place, name) for name in names if is_pointer(Path(place, name))]
        paths += [str(path.relative_to(folder)) for path in found]
    return sorted(paths)
