"""Reads the text of autoresearch.toml and of other TOML, which may be a stranger's."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.ground.plain_files import start_of

MAX_BYTES = 1 << 16
"""A larger file is no file of settings."""
MAX_DOTS = 64
"""In a dotted name: the time and the memory that tomllib takes grow with their square."""
# No text begins behind a backslash: in one without an end, each escaped quote would be tried.
_TOKEN = re.compile(
    r'''
    (?P<value> (?<!\\)"""(?:\\.|"{1,2}(?!")|[^"\\])*+"{3,5}
    | \'\'\'(?:'{1,2}(?!')|[^'])*+'{3,5} )
    | (?<!\\)"(?:[^"\\\n]|\\.)*+" | '[^'\n]*+' | [\w\- \t]++
    | (?P<dot> \. )
    | (?P<other> \#[^\n]*+ | . )
    ''',
    re.VERBOSE | re.DOTALL,
)


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


def load_toml(text: str) -> dict[str, Any]:
    """Return what a text of TOML says.

    Raise ValueError or RecursionError for what is no TOML, or is too much of it.
    """
    dots = 0
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "dot":
            dots += 1
        elif token.lastgroup:
            dots = 0
        if dots > MAX_DOTS:
            raise ValueError(f"a name of more than {MAX_DOTS} parts")
    return tomllib.loads(text)


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
