"""Reads the text of autoresearch.toml, which may be a stranger's."""

from pathlib import Path

from pydantic import ValidationError

from sandbox.ground.plain_files import start_of

MAX_BYTES = 1 << 16
"""A larger file is no file of settings."""
MAX_DOTS = 64
"""Parts of a dotted name: the time that tomllib takes grows with their square."""


def plain_text(path: Path) -> str:
    """Return the text of a plain file.

    Raise ValueError for anything else, and for a file that is too long.
    """
    if path.is_symlink():
        raise ValueError("a symbolic link; settings are read from the file itself")
    data = start_of(path, MAX_BYTES + 1)
    if data is None:
        raise ValueError("a directory or a device, not a plain file")
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
