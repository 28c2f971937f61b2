"""Reads a number from a table: a line of names, then rows of as many cells.

    epoch  train_loss  valid_loss      step,val_mse      | model | rmse |
    0      0.51        0.43            50,0.31           |-------|------|
    1      0.40        0.38            100,0.27          | ours  | 0.41 |

The last row counts where a column such as `epoch` rises from row to row. A table with several rows
and no such column has the number several times: nothing is read from it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.score.forms import parse_value

MAX_CELLS = 64
MAX_WIDTH = 4_000
"""Characters of a longer line are no row."""
MAX_BETWEEN = 200
"""Lines between rows that are none, after which a table has ended. Its first row comes at once."""
_BARS = re.compile(r"[|│┃║]")
_GAPS = re.compile(r" {2,}|\t")
_RULE = re.compile(r"[\s\-=+|:_─━═│┃║┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┡┩┢┪╇╈┳┻╋╞╡╪╤╧┠┨]*")
_NAME = re.compile(r"#|[^\W\d_][^:={}\"\\]{0,39}")
_COUNT = re.compile(
    r"(?i)#|e|ep|it|(?:.*[_ /])?(?:epochs?|steps?|iter|iters|iterations?|rounds?|generations?|gen|"
    r"updates?|episodes?|timesteps?|batch|batches|tokens|samples)"
)
"""Names of columns that count how far a training is."""
_TIME = re.compile(r"\d+(?::\d\d){1,2}(?:\.\d+)?")


def _barred(line: str) -> list[str]:
    cells = [cell.strip() for cell in _BARS.split(line)]
    return cells[1:-1] if len(cells) > 2 and not cells[0] and not cells[-1] else cells


def _gapped(line: str) -> list[str]:
    return [cell.strip() for cell in _GAPS.split(line.strip()) if cell.strip()]


def _with_commas(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(",")]


def _spaced(line: str) -> list[str]:
    return line.split()


_KINDS: tuple[Callable[[str], list[str]], ...] = (_barred, _gapped, _with_commas, _spaced)
"""How a line is cut into cells. By single spaces, prose looks alike: only where one column counts
and all cells of a row are numbers."""


@dataclass
class Table:
    """A table that has begun."""

    names: tuple[str, ...]
    kind: int
    """Which of the cuts."""
    is_unclear: bool = False
    """Whether it has several rows that no column counts."""
    _counts: dict[int, float] | None = None
    """The last values of the columns that have risen from row to row; None before the first."""
    _between: int = 0
    """Lines since the last row that are none."""

    @property
    def has_ended(self) -> bool:
        """Whether no row is expected any more."""
        return self.is_unclear or self._between > MAX_BETWEEN

    def row(self, line: str) -> tuple[str, ...]:
        """Return the cells of a row; none for a line that is no row of it."""
        cells = _KINDS[self.kind](line) if len(line) <= MAX_WIDTH else []
        if not self._fits(cells):
            if not _RULE.fullmatch(line):
                self._between += 1 if self._counts else MAX_BETWEEN + 1
            return ()
        self._between = 0
        counts = {}
        for place, name in enumerate(self.names):
            value = parse_value(cells[place]) if _COUNT.fullmatch(name) else None
            if value:
                counts[place] = value.value
        before = self._counts
        if before is not None:
            counts = {at: value for at, value in counts.items() if value > before.get(at, value)}
            self.is_unclear = not counts
        self._counts = counts
        return tuple(cells)

    def _fits(self, cells: list[str]) -> bool:
        values = [parse_value(cell) is not None for cell in cells]
        if len(cells) != len(self.names) or not any(values):
            return False
        if _KINDS[self.kind] is not _spaced:
            return True
        times = [_TIME.fullmatch(cell) is not None for cell in cells]
        return all(value or time for value, time in zip(values, times, strict=True))


class Tables:
    """Follows the tables of a log, line by line."""

    def __init__(self) -> None:
        self._open: list[Table] = []

    @property
    def is_open(self) -> bool:
        """Whether a table has begun, so that the next line may be a row."""
        return bool(self._open)

    def begin(self, line: str) -> None:
        """Begin a table if a line is one of names; it takes the place of the one before."""
        begun = list(_headed(line)) if len(line) <= MAX_WIDTH else []
        self._open = begun or self._open

    def row(self, line: str) -> tuple[Table, tuple[str, ...]] | None:
        """Return the cells of a row with its table; None for a line that is none."""
        for table in self._open:
            cells = table.row(line)
            if cells:
                # The first kind of cut that gives a row is the table's.
                self._open = [] if table.is_unclear else [table]
                return table, cells
        self._open = [table for table in self._open if not table.has_ended]
        return None


def _headed(line: str) -> Iterator[Table]:
    """Yield the tables that may begin with a line: one for each way to cut it."""
    for kind, cut in enumerate(_KINDS):
        names = tuple(cut(line))
        is_counted = cut is not _spaced or any(map(_COUNT.fullmatch, names))
        is_unique = len(set(names)) == len(names)
        if is_counted and is_unique and 2 <= len(names) <= MAX_CELLS and all(map(_names, names)):
            yield Table(names, kind)


def _names(cell: str) -> bool:
    return not cell or (_NAME.fullmatch(cell) is not None and parse_value(cell) is None)


def as_line(name: str, table: Table, cells: tuple[str, ...]) -> str:
    """Return one cell of a row by its name, with the first cell beside it; "" without a number."""
    place = table.names.index(name) if name in table.names else -1
    if place < 0 or parse_value(cells[place]) is None:
        return ""
    first = f" | {table.names[0]} = {cells[0]}" if place and table.names[0] else ""
    return f"{name} = {cells[place]}{first}"
