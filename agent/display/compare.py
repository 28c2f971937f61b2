"""Runs side by side, one column each."""

from collections.abc import Mapping, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from agent.display.folding import FoldingTable
from agent.display.format import formatter_for

GAP = 3
"""Between two columns, whose texts may have several lines."""


def side_by_side(
    heads: Sequence[str], columns: Sequence[Mapping[str, str]], console: Console
) -> RenderableType:
    """Return a row for each name (all `columns` have the same); plain text without a terminal."""
    formatter = formatter_for(console)
    rows = [["", *heads]]
    for name in columns[0]:
        rows.append([name, *(column[name] for column in columns)])
    cells = [list(map(formatter.line, row)) for row in rows]
    if formatter.plain:
        return _aligned(cells)
    table = FoldingTable(cells[0], gap=GAP)
    for label, *texts in cells[1:]:
        table.add_row(Text(label, "dim"), *texts)
    return table


def _aligned(rows: Sequence[Sequence[str]]) -> Text:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return Text("\n".join(lines))
