"""The resources that each training used, from the file beside its log on this machine."""

import base64
import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.dashboard.charts import Frame, Scale
from sandbox.limits.usage import COLUMNS, SUFFIX

MAX_BYTES = 1 << 20
"""The most bytes of a file that are read; our files have a hundredth."""
TITLES = {
    "cores": "busy cores",
    "memory_mb": "memory, MB",
    "gpu_percent": "GPU load, %",
    "gpu_memory_mb": "GPU memory, MB",
    "gpu_celsius": "GPU, °C",
}
Points = list[tuple[float, float]]


class Trace:
    """One column of a training's file over its time."""

    frame = Frame(340, 170, 62, 10, 330, 134)

    def __init__(self, column: str, points: Points) -> None:
        frame = self.frame
        self.title = TITLES[column]
        values = [value for _, value in points]
        low = min(values)
        high = max(values)
        room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
        self.peak = f"{high:g}"
        self.x = Scale(0.0, max(at for at, _ in points), frame.left, frame.right)
        self.y = Scale(max(0.0, low - room), high + room, frame.bottom, frame.top)
        self.line = " ".join(f"{self.x(at)},{self.y(value)}" for at, value in points)


@dataclass(frozen=True)
class Traces:
    """The resources that one training used, over time."""

    name: str
    """The name of its file."""
    href: str
    """The link to the file."""
    charts: tuple[Trace, ...]


def traces_in(paths: list[Path]) -> tuple[Traces, ...]:
    """Return the traces in these files, without files that are not valid."""
    every = [_read(path) for path in paths]
    return tuple(traces for traces in every if traces and traces.charts)


def _read(path: Path) -> Traces | None:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
        rows = list(csv.DictReader(text.splitlines()))
    except (OSError, csv.Error):
        return None
    charts = []
    for column in COLUMNS[1:]:
        points = list(_points(rows, column))
        if len(points) > 1:
            charts.append(Trace(column, points))
    data = base64.b64encode(text.encode()).decode()
    href = f"data:text/csv;charset=utf-8;base64,{data}"
    return Traces(path.name.removesuffix(SUFFIX), href, tuple(charts))


def _points(rows: list[dict[str, str]], column: str) -> Iterator[tuple[float, float]]:
    for row in rows:
        at = _number(row.get("seconds"))
        value = _number(row.get(column))
        if at is not None and value is not None:
            yield at, value


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
