"""Tables that show their cells whole in a narrow terminal: long words are folded, numbers are not.

Rich's own tables cut such words, which users need to copy: a path, a model, a constant. If the
columns do not fit beside each other, each row becomes a list of names and values.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from rich.cells import cell_len
from rich.console import (
    Console,
    ConsoleOptions,
    Group,
    JustifyMethod,
    RenderableType,
    RenderResult,
)
from rich.table import Table
from rich.text import Text

GAP = 2
"""Spaces between two columns."""
LEAST_HEAD = 6
LEAST_WORD = 12
"""Cells of a head and of a word that are not folded."""
LABEL = 8
"""Cells of a label in front of a line."""
LEAST_HANGING = 30
"""Below this width there is no room to spare."""
_NUMBER = re.compile(r"\W*\d\S{0,24}")


class FoldingTable:
    """A table that finds the widths of its columns when it is printed.

    right: heads of the columns of numbers, whose cells end at the right.
    """

    def __init__(self, heads: Sequence[str], right: Collection[str] = (), gap: int = GAP) -> None:
        self._heads = tuple(heads)
        self._right = frozenset(right)
        self._gap = gap
        self._rows: list[tuple[Text, ...]] = []

    def add_row(self, *cells: str | Text) -> None:
        """Add a row: a cell for each head."""
        assert len(cells) == len(self._heads), cells
        self._rows.append(tuple(Text(cell) if isinstance(cell, str) else cell for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print it at the width that there is."""
        widths = self._widths(options.max_width)
        yield Unpadded(self._stacked() if widths is None else self._side_by_side(widths))

    def _widths(self, room: int) -> list[int] | None:
        """Return the widths of the columns; None where they have no room beside each other."""
        room -= self._gap * (len(self._heads) - 1)
        columns = list(enumerate(self._heads))
        least = [self._least(number, head) for number, head in columns]
        widths = [max(cell_len(head), self._widest(number), 1) for number, head in columns]
        if sum(least) > room:
            return None
        while sum(widths) > room:
            _, widest = max((width, n) for n, width in enumerate(widths) if width > least[n])
            widths[widest] -= 1
        return widths

    def _widest(self, column: int) -> int:
        """Return the cells of the longest line of a column."""
        text = "\n".join(row[column].plain for row in self._rows)
        return max(map(cell_len, text.splitlines()), default=0)

    def _least(self, column: int, head: str) -> int:
        """Return the width below which a column would be broken where it must not be."""
        widest = self._widest(column)
        least_head = min(cell_len(head), LEAST_HEAD)
        if head in self._right:
            return max(widest, least_head, 1)
        words = " ".join(row[column].plain for row in self._rows).split()
        numbers = (cell_len(word) for word in words if _NUMBER.fullmatch(word))
        longest = max(map(cell_len, words), default=0)
        return max(least_head, min(longest, LEAST_WORD), *numbers, 1)

    def _side_by_side(self, widths: Sequence[int]) -> Table:
        # A table of its own measures the cells again, and would take from those that it may wrap.
        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, self._gap, 0, 0),
            show_header=any(self._heads),
        )
        for head, width in zip(self._heads, widths, strict=True):
            justify: JustifyMethod = "right" if head in self._right else "left"
            table.add_column(head, justify=justify, overflow="fold", width=width)
        for row in self._rows:
            table.add_row(*row)
        return table

    def _stacked(self) -> RenderableType:
        blocks: list[RenderableType] = []
        for number, row in enumerate(self._rows):
            if number:
                blocks.append(Text(""))
            block = Table.grid(padding=(0, self._gap, 0, 0))
            block.add_column(style="bold", overflow="fold")
            block.add_column(overflow="fold")
            for head, cell in self._filled(row):
                block.add_row(head, cell)
            blocks.append(block)
        return Group(*blocks)

    def _filled(self, row: Sequence[Text]) -> Iterator[tuple[str, Text]]:
        """Yield the cells of a row that say something, each with its head."""
        for head, cell in zip(self._heads, row, strict=True):
            if cell.plain.strip():
                yield head, cell


class Unpadded:
    """What another renderable shows, without blanks at the ends of its lines."""

    def __init__(self, page: RenderableType) -> None:
        self._page = page

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print it at the width that there is."""
        for line in console.render_lines(self._page, options, pad=False):
            text = Text.assemble(*((part.text, part.style or "") for part in line))
            text.rstrip()
            yield text


class Hanging:
    """A line with a label in front; what has no room goes on below its text, not its label."""

    def __init__(self, line: Text) -> None:
        self._line = line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print it at the width that there is."""
        width = options.max_width
        if self._line.cell_len <= width or width < LEAST_HANGING:
            yield self._line
            return
        before, text = self._line.divide([LABEL])
        for part in text.wrap(console, width - LABEL):
            yield Text.assemble(before, part)
            before = Text(" " * LABEL)
