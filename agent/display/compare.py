"""Runs side by side, one column each."""

from collections.abc import Mapping, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from agent.display.format import formatter_for


def side_by_side(
    heads: Sequence[str], columns: Sequence[Mapping[str, str]], console: Console
) -> RenderableType:
    """Return a row for each name (all `columns` have the same); plain text without a terminal."""
    formatter = formatter_for(console)
    rows = [["", *heads]]
    for name in columns[0]:
        rows.append([name, *(column[name] for column in columns)])
    cells = [[formatter.line(cell) for cell in row] for row in rows]
    if formatter.plain:
        return _aligned(cells)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    for _ in heads:
        table.add_column(overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row), style="bold" if row is cells[0] else "")
    return table


def _aligned(rows: Sequence[Sequence[str]]) -> Text:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return Text("\n".join(lines))
