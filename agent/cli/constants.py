"""Shows constants with their ranges, the reasons, and the line that changes them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from agent.display.folding import GAP, FoldingTable
from agent.display.format import Formatter, formatter_for
from agent.project.settings import FILE
from agent.records.proposals import Value
from agent.records.sources import Sources
from agent.space import unread_files
from agent.space.read import Choice

ORIGINS = {"settings": FILE, "comment": "comment", "inferred": "inferred"}
MAX_VALUE = 40
"""Characters of a value."""
MAX_UNREAD = 10
"""Files without constants that are named."""
CHANGE = "to change it"
COLUMNS = ("constant", "value", "range", "why", CHANGE)
WHY_CELLS = 16
"""Least width of a reason."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def print_choices(
    console: Console, choices: list[Choice], sources: Sources, elsewhere: str = ""
) -> None:
    """Print a table of the constants of each file. elsewhere: where else they may be, in words."""
    formatter = formatter_for(console)
    searched = [choice for choice in choices if choice.parameter]
    files = [path for path, _ in sources.editable]
    where = f"{len(files)} files" if len(files) > 1 else "".join(files)
    console.print(f"{len(searched)} constants are searched, of {len(choices)} found in {where}.")
    columns = _columns(choices, console.width)
    for path in files:
        own = [choice for choice in choices if choice.constant.file == path]
        if own:
            console.print(Text(f"\n{formatter.line(path)}", "bold"))
            console.print(_table(own, columns, formatter))
    _print_unread(console, unread_files(sources), formatter)
    if not searched and elsewhere:
        console.print(Text(formatter.line(elsewhere)), soft_wrap=True)
    if choices:
        how = "its last column"
        if CHANGE not in columns:
            how = f"a line such as {line_of(choices[0])} (`autoresearch space | cat` has each)"
        line = Text(f"\nto change one: {formatter.line(how)}, in {FILE} below [ranges]")
        console.print(line, soft_wrap=True)


def _print_unread(console: Console, unread: dict[str, str], formatter: Formatter) -> None:
    if unread:
        console.print()
    for path, why in list(unread.items())[:MAX_UNREAD]:
        line = formatter.line(f"{path}: no constants are read there: {why}")
        console.print(Text(line), soft_wrap=True)
    if len(unread) > MAX_UNREAD:
        console.print(f"and in {len(unread) - MAX_UNREAD} more files")


def _columns(choices: Sequence[Choice], width: int) -> tuple[str, ...]:
    """Return the columns for which there is room: the last one is given up before why is narrow."""
    rows = [_row(choice) for choice in choices]
    taken = WHY_CELLS + (len(COLUMNS) - 1) * GAP
    for name in COLUMNS:
        if name != "why":
            taken += max([len(name), *(cell_len(row[name]) for row in rows)])
    return COLUMNS if taken <= width else COLUMNS[:-1]


def _table(choices: Sequence[Choice], columns: Sequence[str], formatter: Formatter) -> FoldingTable:
    table = FoldingTable(columns)
    for choice in choices:
        row = _row(choice)
        style = "" if choice.parameter else "dim"
        table.add_row(
            *(Text(formatter.line(row[name]), "" if name == CHANGE else style) for name in columns)
        )
    return table


def _row(choice: Choice) -> dict[str, str]:
    return {
        "constant": choice.constant.local,
        "value": value_text(choice.constant.value),
        "range": str(choice.parameter or "not searched"),
        "why": choice.reason,
        CHANGE: line_of(choice),
    }


def value_text(value: Value) -> str:
    """Return a value as text of at most MAX_VALUE characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def line_of(choice: Choice) -> str:
    """Return the line for [ranges] that would fix a searched constant, or search a fixed one."""
    wanted = str(choice.guess or _wide(choice.constant.value))
    return range_line(choice.constant.name, "fixed" if choice.parameter else wanted)


def range_line(name: str, wanted: str) -> str:
    """Return the line below [ranges] that gives a constant a range."""
    key = name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f'{key} = "{wanted}"'


def _wide(value: Value) -> str:
    """Return a wide range around a value, as a suggestion."""
    if isinstance(value, bool):
        return "False | True"
    if isinstance(value, str):
        return f"{value} | OTHER"
    if isinstance(value, int):
        return f"{min(value // 2, value * 2)} .. {max(value // 2, value * 2, 1)}"
    if value > 0:
        high = 1.0 if value <= 1 < value * 3 else value * 3
        return f"{value / 3:.2g} .. {high:.2g} log"
    return f"{min(value * 2, -1.0):g} .. {max(value / 2, 1.0):g}"


def record_of(choice: Choice) -> dict[str, Any]:
    """Return the record of a constant for `space --json`."""
    constant = choice.constant
    parameter = choice.parameter
    return {
        "name": constant.name,
        "file": constant.file,
        "value": constant.value,
        "range": str(parameter) if parameter else None,
        "origin": ORIGINS[choice.origin],
        "why": choice.reason,
        "to_change": line_of(choice),
    }
