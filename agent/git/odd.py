"""Finds what is neither a file nor a folder where git looks for a file: a pipe may never end."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

NAMES = frozenset({".gitignore", ".gitattributes", ".gitmodules", ".mailmap"})
"""Files of a checkout that git reads, in any folder."""
MOST = 200_000
"""Paths that are looked at."""


def odd_files(folder: Path) -> Iterator[Path]:
    """Yield the pipes, sockets and devices that git would read in a checkout or in its .git."""
    for path in islice(_read_by_git(folder), MOST):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            yield path


def _read_by_git(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        place = Path(where)
        own = ".git" in place.relative_to(folder).parts
        for name in names:
            if own or name in NAMES or name == ".git":
                yield place / name
