"""Two metrics of a run in a terminal: a scatter plot, and the trials that are not dominated."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from agent.display.folding import FoldingTable
from agent.display.format import Formatter, formatter_for
from agent.judge.pareto import Axis, Point
from agent.records.objective import Objective, score_text
from sandbox.ground.text import shortened

COLUMNS = 64
LEAST_COLUMNS = 24
"""The least width of the picture in characters."""
ROWS = 16
HEAD = 16
MARKS = {
    "front": ("●", "O", "bold green"),
    "other": ("·", ".", "dim"),
    "guarded": ("x", "x", "yellow"),
}
ORDER = ("other", "guarded", "front")
"""The kinds of points in the order of drawing; the last is on top."""


def pareto_page(
    points: Sequence[Point], axes: tuple[Axis, Axis], console: Console, objective: Objective
) -> RenderableType:
    """Return the picture of two metrics, and the table of the front."""
    formatter = formatter_for(console, objective)
    if not points:
        names = " and ".join(formatter.line(axis.name) for axis in axes)
        return Text(f"no trial has both {names} yet")
    front = [point for point in points if point.on_front]
    x, y = axes
    ways = f"{formatter.line(x.name)} ({x.better}) and {formatter.line(y.name)} ({y.better})"
    guarded = sum(point.trial.status == "guarded" for point in points)
    head = f"{len(front)} of {len(points)} trials are not dominated in {ways}"
    if guarded:
        head += f"; {guarded} guarded, never on the front"
    return Group(
        Text(head),
        Text(""),
        *_picture(points, axes, formatter, console.width),
        Text(""),
        _table(sorted(front, key=lambda point: x.loss(point.x)), axes, formatter),
    )


def points_json(points: Sequence[Point], axes: tuple[Axis, Axis]) -> dict[str, Any]:
    """Return the points and the front as JSON data."""
    x, y = axes
    trials = [
        {
            "number": point.trial.number,
            "status": point.trial.status,
            x.name: point.x,
            y.name: point.y,
            "front": point.on_front,
        }
        for point in points
    ]
    return {"axes": [{"name": a.name, "direction": a.direction} for a in axes], "trials": trials}


def _kind(point: Point) -> str:
    if point.on_front:
        return "front"
    return "guarded" if point.trial.status == "guarded" else "other"


def _picture(
    points: Sequence[Point], axes: tuple[Axis, Axis], formatter: Formatter, room: int
) -> list[Text]:
    """Return the rows of the scatter plot: a number at both ends of each axis."""
    x, y = axes
    across = [point.x for point in points]
    up = [point.y for point in points]
    ends = {0: score_text(max(up)), ROWS - 1: score_text(min(up))}
    width = max(map(len, ends.values()))
    columns = max(LEAST_COLUMNS, min(COLUMNS, room - width - len(" │")))
    cells: dict[tuple[int, int], str] = {}
    for kind in ORDER:
        for point in points:
            if _kind(point) == kind:
                column = _place(point.x, min(across), max(across), columns)
                row = ROWS - 1 - _place(point.y, min(up), max(up), ROWS)
                cells[row, column] = kind
    lines = [Text(f"{'':>{width}}  {formatter.line(shortened(y.name, columns))}")]
    for row in range(ROWS):
        line = Text(f"{ends.get(row, ''):>{width}} {formatter.line('│')}")
        for column in range(columns):
            line.append_text(_mark(cells.get((row, column)), formatter))
        lines.append(line)
    low = score_text(min(across))
    high = score_text(max(across))
    between = max(1, columns - len(low) - len(high))
    name = formatter.line(shortened(x.name, min(HEAD, between)))
    lines.append(Text(f"{'':>{width}}  {low}{name:^{between}}{high}"))
    return lines


def _mark(kind: str | None, formatter: Formatter) -> Text:
    if kind is None:
        return Text(" ")
    drawn, ascii_drawn, style = MARKS[kind]
    return Text(ascii_drawn if formatter.ascii_only else drawn, style=style)


def _place(value: float, low: float, high: float, cells: int) -> int:
    """Return the cell of a value between low and high."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(cells - 1, max(0, round(share * (cells - 1))))


def _table(front: Sequence[Point], axes: tuple[Axis, Axis], formatter: Formatter) -> RenderableType:
    x, y = axes
    heads = ["#", "status", shortened(x.name, HEAD), shortened(y.name, HEAD), "hypothesis"]
    rows = [
        [
            str(point.trial.number),
            point.trial.status,
            score_text(point.x),
            score_text(point.y),
            formatter.line(point.trial.proposal.hypothesis),
        ]
        for point in front
    ]
    shown = [formatter.line(head) for head in heads]
    table = FoldingTable(shown, right=[shown[0], *shown[2:4]])
    for row in rows:
        table.add_row(*row)
    return table
