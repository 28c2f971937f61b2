"""Reads texts of JSON, lines of JSON and tables that may be a stranger's, in bounded memory."""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.errors import UsageFault
from agent.records.bounded import MAX_PARTS, finite

MAX_LINES = 1_000_000
MAX_LINE = 1 << 20
"""Characters of a line of a table."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class TooMuch(Exception):
    """A text that would take far more memory or time than its length; the message says of what."""


def json_values(text: str) -> Iterator[Any]:
    """Yield what a text of JSON, or of lines of JSON, holds.

    Raise TooMuch for more parts than any file of trials has.
    """
    try:
        whole = json.loads(finite(text))
    except (ValueError, RecursionError):
        yield from _json_lines(text)
    else:
        yield whole


def _json_lines(text: str) -> Iterator[Any]:
    """Yield what each line holds, without torn ones, like the last line of a killed program."""
    is_empty = True
    for line in _lines(text):
        record = _value(_bounded(line))
        if record is not None:
            is_empty = False
            yield record
    if is_empty:
        _bounded(text)


def _bounded(text: str) -> str:
    try:
        return finite(text)
    except ValueError:
        raise TooMuch(f"{MAX_PARTS} parts of JSON") from None


def _value(text: str) -> Any:
    """Return what a text is in JSON; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text. Raise TooMuch if there are more than any file of trials has."""
    for number, match in enumerate(_LINE.finditer(text)):
        if number == MAX_LINES:
            raise TooMuch(f"{MAX_LINES} lines")
        yield match[0]


def rows(text: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, with numbers as numbers. Raise TooMuch as `json_values` does."""
    header = text.partition("\n")[0]
    reader = csv.DictReader(map(_short, _lines(text)), delimiter="\t" if "\t" in header else ",")
    cells = 0
    try:
        for row in reader:
            cells += len(row)
            if cells > MAX_PARTS:
                raise TooMuch(f"{MAX_PARTS} cells")
            yield _cells(row)
    except csv.Error as error:
        message = f"a table that cannot be read: {error}"
        raise UsageFault(message, "autoresearch export --format tsv   # an example") from None


def _short(line: str) -> str:
    if len(line) > MAX_LINE:
        raise TooMuch(f"{MAX_LINE} characters in a line")
    return line


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a row by column; a row may have more or fewer than the header."""
    return {name: _cell(cell) for name, cell in row.items() if None not in (name, cell)}


def _cell(cell: str) -> Any:
    """Return a cell as the value that it would be in JSON, else as text."""
    if cell.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    if cell in ("True", "False"):
        return cell == "True"
    value = _value(cell)
    return cell if value is None else value
