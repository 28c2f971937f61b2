"""Runs beside each other, a column each."""

from collections.abc import Mapping, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from agent.display.format import formatter_for


def side_by_side(
    heads: Sequence[str], columns: Sequence[Mapping[str, str]], console: Console
) -> RenderableType:
    """A row for each name in the `columns`, which all have the same names; aligned text where there is no terminal."""
    formatter = formatter_for(console)
    rows = [["", *heads], *([name, *(column[name] for column in columns)] for name in columns[0])]
    cells = [[formatter.line(cell) for cell in row] for row in rows]
    if formatter.plain:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )
        return Text("\n".join(lines))
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    for row in cells:
        table.add_row(*map(Text, row), style="bold" if row is cells[0] else "")
    return table
