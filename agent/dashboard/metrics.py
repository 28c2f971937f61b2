"""The charts of further metrics: over the trials, and one metric against the main one."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.dashboard.charts import Dot, Frame, Scale
from agent.dashboard.labels import HEIGHT
from agent.dashboard.view import View
from agent.judge.pareto import Axis, Point, axes_of, points_of, value_of
from agent.records.guards import Guard
from agent.records.results import KEPT, Trial, on_newest_data

MOST = 6
"""The most metrics that are drawn."""
ROOM = 0.06
"""Share of a range that is left free at both ends."""
FAR = 10
"""A limit that lies so many times the range of the values away from them is not drawn: they would
be one line."""


@dataclass(frozen=True)
class Limit:
    """A guard's limit in a chart: a line across it."""

    y: float
    text: str
    text_y: float
    """The height of the text: above the line, or lower if another limit's text is there."""


class Series:
    """One metric of every trial, with the limits that guards set."""

    frame = Frame(520, 240, 70, 10, 508, 194)

    def __init__(self, view: View, axis: Axis) -> None:
        frame = self.frame
        objective = view.run.goal
        self.axis = axis
        self._view = view
        self._values: dict[int, float] = {}
        for trial in on_newest_data(view.trials):
            value = value_of(trial, axis.name, objective)
            if value is not None:
                self._values[trial.number] = value
        limits = [(guard, _limit(view, guard)) for guard in objective.guards]
        own = [(guard, y) for guard, y in limits if guard.metric == axis.name and y is not None]
        self.lines = [line for line in own if not self._is_far(line[1])]
        self.far = [str(guard) for guard, y in own if self._is_far(y)]
        """The guards whose limits are not drawn."""
        numbers = [trial.number for trial in view.trials]
        values = [*self._values.values(), *(value for _, value in self.lines)]
        self.x = Scale(min(numbers, default=0), max([1, *numbers]), frame.left + 8, frame.right - 8)
        self.y = Scale(*_with_room(values), frame.bottom, frame.top)

    def _is_far(self, limit: float) -> bool:
        """Return whether the values could not be told apart in a chart with this limit."""
        low = min(self._values.values(), default=limit)
        high = max(self._values.values(), default=limit)
        span = (high - low) or max(abs(high), abs(limit))
        return max(low - limit, limit - high) > FAR * span

    @property
    def empty(self) -> bool:
        """Return whether no trial has the metric."""
        return not self._values

    @property
    def limits(self) -> list[Limit]:
        """Return the lines of the guards."""
        limits = []
        last = 0.0
        for guard, value in sorted(self.lines, key=lambda line: self.y(line[1])):
            y = self.y(value)
            last = max(y - 5, last + HEIGHT)
            limits.append(Limit(y, str(guard), round(last, 1)))
        return limits

    @property
    def places(self) -> list[tuple[Trial, float]]:
        """Return the trials that have the metric, and its value."""
        trials = [trial for trial in self._view.trials if trial.number in self._values]
        return [(trial, self._values[trial.number]) for trial in trials]

    @property
    def dots(self) -> list[Dot]:
        """Return a dot per trial; the kept ones last."""
        dots = [Dot(self.x(trial.number), self.y(value), trial) for trial, value in self.places]
        return sorted(dots, key=lambda dot: dot.trial.status in KEPT)


class Cloud:
    """Two metrics of every trial, and the staircase of those that are not dominated."""

    frame = Frame(520, 300, 70, 10, 508, 250)

    def __init__(self, view: View, x: Axis, y: Axis) -> None:
        frame = self.frame
        self.across = x
        self.up = y
        self.points = points_of(view.trials, x, y, view.run.goal)
        across = [point.x for point in self.points]
        up = [point.y for point in self.points]
        self.x = Scale(*_with_room(across), frame.left, frame.right)
        self.y = Scale(*_with_room(up), frame.bottom, frame.top)

    @property
    def front(self) -> list[Point]:
        """Return the trials that are not dominated, in the order of the first metric."""
        return sorted((p for p in self.points if p.on_front), key=lambda point: point.x)

    @property
    def dots(self) -> list[Dot]:
        """Return a dot per trial; those on the front last."""
        ordered = sorted(self.points, key=lambda point: point.on_front)
        return [Dot(self.x(point.x), self.y(point.y), point.trial) for point in ordered]

    @property
    def rings(self) -> list[Dot]:
        """Return the dots on the front, which get a ring."""
        return [Dot(self.x(point.x), self.y(point.y), point.trial) for point in self.front]

    @property
    def steps(self) -> str:
        """Return the edge of the dominated area, as an SVG path."""
        places = [(self.x(point.x), self.y(point.y)) for point in self.front]
        if not places:
            return ""
        path = f"M{places[0][0]} {places[0][1]}"
        # Of a first metric that is better where it is lower, what a trial dominates is right of it.
        across_first = self.across.direction == "minimize"
        for x, y in places[1:]:
            path += f" H{x} V{y}" if across_first else f" V{y} H{x}"
        return path


def series_of(view: View) -> list[Series]:
    """Return a chart for each further metric that some trial has."""
    charts = [Series(view, axis) for axis in axes_of(view.run.goal)[1 : MOST + 1]]
    return [chart for chart in charts if not chart.empty]


def clouds_of(view: View) -> list[Cloud]:
    """Return each further metric against the main one."""
    main, *others = axes_of(view.run.goal)[: MOST + 1]
    clouds = [Cloud(view, other, main) for other in others]
    return [cloud for cloud in clouds if cloud.points]


def _limit(view: View, guard: Guard) -> float | None:
    """Return the limit of a guard as a number; None before the first baseline."""
    if guard.limit is not None:
        return guard.limit
    if view.baseline is None:
        return None
    value = value_of(view.baseline, guard.metric, view.run.goal)
    if value is None:
        return None
    margin = guard.allowed(value)
    return value + margin if guard.sign == "<=" else value - margin


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that shows these values."""
    if not values:
        return 0.0, 1.0
    low = min(values)
    high = max(values)
    room = ROOM * (high - low) or abs(high) * 0.01 or 1.0
    return low - room, high + room
