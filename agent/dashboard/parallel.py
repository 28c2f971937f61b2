"""The constants of all trials as parallel coordinates: an axis per constant, a line per trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.dashboard.charts import (
    LOG_RATIO,
    MANY,
    Frame,
    Scale,
    Staircase,
    values_of,
)
from agent.dashboard.labels import shortened, squeezed, width_of
from agent.dashboard.view import View
from agent.display.format import Formatter
from agent.display.names import short_names
from agent.records.bounded import is_number
from agent.records.proposals import Value
from agent.records.results import KEPT, Trial, on_newest_data

# More axes than this are too close for their names.
AXES = 11
# Scored trials are coloured by the fifth of the run's scores that theirs is in.
SHADES = 5
# Up to this many values are named beside an axis, else only its ends.
NAMED = 6
LABEL_HEIGHT = 14.0
# The least distance between two texts.
GAP = 14.0
FORMATTER = Formatter()


@dataclass(frozen=True)
class Axis:
    """One constant, or the score."""

    name: str
    label: str
    """The name, shortened to fit above the axis."""
    x: float
    ticks: tuple[tuple[float, str], ...]
    """Heights and labels."""
    log: bool = False
    lacks: bool = False
    """Some trials do not have it."""


@dataclass(frozen=True)
class Line:
    """One trial across the axes."""

    trial: Trial
    points: str
    shade: int | None
    """0 for the best fifth of the scores, 4 for the worst; None without a score."""

    @property
    def kept(self) -> bool:
        """Return whether its tree became the branch's."""
        return self.trial.status in KEPT


class Parallel:
    """Every trial with recorded constants; the strip below is for constants that it lacks."""

    frame = Frame(1000, 380, 80, 48, 944, 312)
    strip = 346

    def __init__(self, view: View, ranked: Sequence[str] = ()) -> None:
        self._trials = [trial for trial in on_newest_data(view.trials) if trial.configuration]
        values = values_of(self._trials)
        importance = {name: place for place, name in enumerate(ranked)}

        def order(name: str) -> tuple[int, bool, int, str]:
            rank = importance.get(name, len(importance))
            return rank, not self._lacking(name), -len(values[name]), name

        varied = [name for name in values if len(values[name]) > 1 or self._lacking(name)]
        varied.sort(key=order)
        self.left_out = max(0, len(varied) - AXES)
        self._short = short_names(values)
        self._scales = {name: _Heights(values[name], self.frame) for name in varied[:AXES]}
        staircase = Staircase(view)
        self._score = Scale(staircase.y.low, staircase.y.high, self.frame.bottom, self.frame.top)
        self._formatter = view.formatter
        self._sorted = sorted(
            (trial.value for trial in self._trials if trial.value is not None),
            reverse=view.run.goal.direction == "maximize",
        )

    @property
    def empty(self) -> bool:
        """Return whether no constant was tried at more than one value."""
        return not self._scales

    @property
    def many(self) -> bool:
        """Return whether lines are drawn thinner."""
        return len(self._trials) > MANY

    @cached_property
    def axes(self) -> list[Axis]:
        """Return the constants, the most important first, and the score."""
        *places, last = self._places
        axes = [
            self._axis(name, scale, x)
            for (name, scale), x in zip(self._scales.items(), places, strict=True)
        ]
        unscored = len(self._sorted) < len(self._trials)
        name = self._formatter.metric
        label = squeezed(name, min(2 * self._step - GAP, 2 * (self.frame.width - last)))
        axes.append(Axis(name, label, last, tuple(self._score.ticks()), lacks=unscored))
        return axes

    def _axis(self, name: str, scale: "_Heights", x: float) -> Axis:
        """Return the axis of a constant; names are in two rows, so that each has two axes' room."""
        mark = " (log)" if scale.log else ""
        room = min(2 * self._step - GAP, 2 * x) - width_of(mark)
        label = squeezed(FORMATTER.line(self._short[name]), room) + mark
        ticks = [(y, shortened(FORMATTER.line(t), self._step - GAP)) for y, t in scale.ticks]
        return Axis(name, label, x, tuple(ticks), scale.log, self._lacking(name))

    @cached_property
    def lines(self) -> list[Line]:
        """Return a line per trial: failures first, then by score, kept ones last."""
        lines = [Line(trial, self._points(trial), self._shade(trial)) for trial in self._trials]
        return sorted(lines, key=_height_of)

    @property
    def _step(self) -> float:
        """Return the distance of two axes."""
        return (self.frame.right - self.frame.left) / max(len(self._scales), 1)

    @cached_property
    def _places(self) -> list[float]:
        count = len(self._scales)
        return [round(self.frame.left + i * self._step, 1) for i in range(count + 1)]

    def _points(self, trial: Trial) -> str:
        values = trial.configuration
        heights = [
            scale(values[name]) if name in values else self.strip
            for name, scale in self._scales.items()
        ]
        heights.append(self._score(trial.value) if trial.value is not None else self.strip)
        return " ".join(f"{x},{y}" for x, y in zip(self._places, heights, strict=True))

    def _shade(self, trial: Trial) -> int | None:
        if trial.value is None:
            return None
        return min(SHADES - 1, self._sorted.index(trial.value) * SHADES // len(self._sorted))

    def _lacking(self, name: str) -> bool:
        return any(name not in trial.configuration for trial in self._trials)


def _height_of(line: Line) -> tuple[bool, int]:
    """Return the sort key of a line; the highest is drawn on top."""
    return line.kept, -(SHADES if line.shade is None else line.shade)


class _Heights:
    """The heights of one constant's values on its axis: by size, or by name if some are words."""

    def __init__(self, values: set[Value], frame: Frame) -> None:
        self._names: Mapping[Value, float] | None = None
        if not all(map(is_number, values)):
            self._names = {value: float(i) for i, value in enumerate(sorted(values, key=str))}
        numbers = sorted(self._number(value) for value in values)
        self.log = self._names is None and numbers[0] > 0 and numbers[-1] / numbers[0] >= LOG_RATIO
        self._scale = Scale(numbers[0], numbers[-1], frame.bottom, frame.top, self.log)
        shown = numbers if len(numbers) <= NAMED else [numbers[0], numbers[-1]]
        self.ticks = _apart([(self._scale(number), self._label(number)) for number in shown])

    def __call__(self, value: Value) -> float:
        return self._scale(self._number(value))

    def _number(self, value: Value) -> float:
        return self._names[value] if self._names else float(value)

    def _label(self, number: float) -> str:
        if self._names:
            return str(list(self._names)[int(number)])
        return f"{number:g}"


def _apart(ticks: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Return the ticks whose labels do not touch: both ends, and those between that fit."""
    kept = ticks[:1]
    for place, label in ticks[1:-1]:
        if min(abs(place - kept[-1][0]), abs(place - ticks[-1][0])) >= LABEL_HEIGHT:
            kept.append((place, label))
    return tuple(kept + ticks[1:][-1:])
