"""Globs that say which files of a project edits may touch: `model/*.py`, `**/*.yaml`, `!old.py`."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

from sandbox.ground.text import is_plain

MAX_PATTERNS = 100
MAX_PATTERN = 500
"""Characters."""
MAX_PATH = 500
"""Characters of the path of a file that is edited."""
MAX_ANY_FOLDERS = 2
"""Times that a pattern has `**`: looking for its files on a disk takes a power of that."""
EXCEPT = "!"
"""Begins a pattern of files that are not edited, whatever the patterns before it say."""
_ANY_FOLDERS = "**"
_SPECIAL = "*?["
_BRACES = re.compile(r"\{[^{}]*,[^{}]*\}")
# Characters that a path of a new file may not have: what shells, other systems and logs trip over.
_ODD = frozenset('\\:*?"<>|\n\r\t')
MAX_PART = 255
"""Bytes of a file's name, or a folder's: file systems hold no longer one."""
# What other systems take for the folder .git; git itself refuses it.
_GIT_AGAIN = re.compile(r"git~\d+", re.IGNORECASE)


def fault_of_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern, or None."""
    body = pattern.removeprefix(EXCEPT)
    if not body or len(body) > MAX_PATTERN or "\0" in body:
        return "it is empty or too long"
    if _BRACES.search(body):
        return "braces are not understood: write a pattern for each, such as *.py and *.yaml"
    if "\\" in body:
        return "write / between folders, on every system"
    parts = body.split("/")
    if body.startswith("/") or ".." in parts or "" in parts or "." in parts:
        return "write the path of files inside the project, such as model/*.py"
    if parts.count(_ANY_FOLDERS) > MAX_ANY_FOLDERS:
        return f"at most {MAX_ANY_FOLDERS} ** are understood"
    if any(part.startswith(".") for part in parts):
        return "hidden files are never edited"
    return None


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Return whether the last pattern that matches `path` is not one of exceptions.

    `*` and `?` stay within a folder, `**` stands for any number of folders. No pattern matches a
    hidden file or what is in a hidden folder.
    """
    parts = tuple(path.split("/"))
    if any(part.startswith(".") for part in parts):
        return False
    for pattern in reversed(patterns):
        if _fits(parts, _parts(pattern.removeprefix(EXCEPT))):
            return not pattern.startswith(EXCEPT)
    return False


def covers(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern matches `path` or a folder above it, hidden ones too.

    Capitals and small letters are alike, and so are the ways to write an accent: some file systems
    take one for the other, and what is hidden must not be seen under another name.
    """
    parts = _alike(path)
    heads = [parts[:length] for length in range(1, len(parts) + 1)]
    return any(_covers(heads, _alike(pattern)) for pattern in patterns)


def _covers(heads: Iterable[Sequence[str]], pattern: Sequence[str]) -> bool:
    return any(_fits(head, pattern) for head in heads)


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("/"))


@lru_cache(maxsize=1024)
def _alike(path: str) -> tuple[str, ...]:
    """Return the parts of a path, the same for all names that a file system may take for it."""
    folded = unicodedata.normalize("NFC", path).casefold()
    return tuple(unicodedata.normalize("NFC", folded).split("/"))


def _fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether all of a path matches all of a pattern, in time that grows with both alone."""
    ends = {0}  # how much of the path the pattern so far may have taken
    for part in pattern:
        if part == _ANY_FOLDERS:
            ends = set(range(min(ends), len(path) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(path) and fnmatchcase(path[end], part)}
        if not ends:
            return False
    return len(path) in ends


def folder_around(train: str, patterns: Iterable[str]) -> str:
    """Return the deepest folder that has train.py and everything that `patterns` can fit.

    "" is the top folder.
    """
    around = PurePosixPath(train).parent.parts
    for pattern in patterns:
        fixed = []
        for part in PurePosixPath(pattern.removeprefix(EXCEPT)).parent.parts:
            if any(character in part for character in _SPECIAL):
                break
            fixed.append(part)
        common = 0
        while common < min(len(around), len(fixed)) and around[common] == fixed[common]:
            common += 1
        around = around[:common]
    return "/".join(around)


def fault_of_path(path: str) -> str | None:
    """Return why no file may get this path, or None."""
    parts = path.split("/")
    if not path or len(path) > MAX_PATH or "" in parts or "." in parts or ".." in parts:
        return "write a path inside the project, such as model/layers.py"
    if any(part.startswith(".") for part in parts):
        return "hidden files are never edited"
    if any(character in _ODD or not is_plain(character) for character in path):
        return "its path has characters that are not allowed"
    if any(_is_odd(part) for part in parts):
        return "its path has a name that not every system can have"
    return None


def _is_odd(part: str) -> bool:
    """Return whether some file systems, shells or git itself cannot have a file of this name."""
    too_long = len(part.encode("utf-8", "surrogateescape")) > MAX_PART
    trimmed = part.strip(" ").rstrip(".")
    return too_long or part != trimmed or part.startswith("-") or bool(_GIT_AGAIN.match(part))
