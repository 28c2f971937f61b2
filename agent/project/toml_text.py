"""Reads the text of autoresearch.toml, which may be a stranger's."""

import os
import stat
from pathlib import Path

from pydantic import ValidationError

MAX_BYTES = 1 << 16
"""A larger file is no file of settings."""
MAX_DOTS = 64
"""Parts of a dotted name: the time that tomllib takes grows with their square."""


def plain_text(path: Path) -> str:
    """Return the text of a plain file: a link may lead anywhere, and a pipe may never end.

    Raise ValueError for anything else, and for a file that is too long.
    """
    if path.is_symlink():
        raise ValueError("a symbolic link; settings are read from the file itself")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a plain file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes, which no file of settings is")
    return data.decode("utf-8-sig")


def refuse_deep_names(text: str) -> None:
    """Raise ValueError for a name of so many parts that reading it takes long."""
    for line in text.splitlines():
        if any(part.count(".") > MAX_DOTS for part in line.split("=")):
            raise ValueError(f"a name of more than {MAX_DOTS} parts")


def line_of(error: ValidationError, text: str) -> str:
    """Return `:7`, the line of the item of a list that the first problem is about, or ""."""
    first = error.errors(include_url=False)[0]
    item = first["input"]
    if len(first["loc"]) < 2 or not isinstance(item, str):
        return ""
    for number, line in enumerate(text.splitlines(), 1):
        if item and item in line:
            return f":{number}"
    return ""
