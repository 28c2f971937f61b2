"""Shows constants with their ranges, the reasons, and the line that changes them."""

import json
import re
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.display.format import Formatter, formatter_for
from agent.project.settings import FILE
from agent.records.proposals import Value
from agent.records.sources import Sources
from agent.space.read import Choice

ORIGINS = {"settings": FILE, "comment": "comment", "inferred": "inferred"}
MAX_VALUE = 40
"""Characters of a value."""
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
    for path in files:
        own = [choice for choice in choices if choice.constant.file == path]
        if own:
            console.print(Text(f"\n{formatter.line(path)}", "bold"))
            console.print(_table(own, formatter))
    if not searched and elsewhere:
        console.print(Text(formatter.line(elsewhere)), soft_wrap=True)
    if choices:
        console.print(f"\nto change one: its last column, in {FILE} below [ranges]")


def _table(choices: list[Choice], formatter: Formatter) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("constant", "value", "range", "why", "to change it"):
        table.add_column(name, no_wrap=name != "why", overflow="fold")
    for choice in choices:
        searched = choice.parameter is not None
        span = str(choice.parameter or "not searched")
        row = (choice.constant.local, value_text(choice.constant.value), span, choice.reason)
        cells = [Text(formatter.line(text), "" if searched else "dim") for text in row]
        table.add_row(*cells, Text(formatter.line(line_of(choice))))
    return table


def value_text(value: Value) -> str:
    """Return a value as text of at most MAX_VALUE characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def line_of(choice: Choice) -> str:
    """Return the line below [ranges] that makes a constant fixed, or that has it searched."""
    wanted = "fixed" if choice.parameter else _wide(choice.constant.value)
    return range_line(choice.constant.name, wanted)


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
        return f"{value / 3:.2g} .. {value * 3:.2g} log"
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
