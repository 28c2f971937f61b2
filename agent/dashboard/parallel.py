"""The constants of all trials as parallel coordinates: an axis a constant, a line a trial, the score on the last axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.dashboard.charts import LOG_RATIO, MANY, Frame, Scale, Staircase, is_number
from agent.dashboard.view import View
from agent.records.proposals import Value
from agent.records.results import KEPT, Trial, on_newest_data

# More axes than this stand too close for their names.
AXES = 11
# Scored trials are told apart by the fifth of the run's scores that theirs lies in.
SHADES = 5
# As many values are named beside an axis; more are known by its ends.
NAMED = 6
LABEL_HEIGHT = 14.0


@dataclass(frozen=True)
class Axis:
    """One constant. ticks: heights and labels, `lacks` among them where a version of the code lacks it."""

    name: str
    x: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False
    lacks: bool = False


@dataclass(frozen=True)
class Line:
    """One trial across the axes. shade: 0 for the best fifth of the scores, 4 for the worst; None without a score."""

    trial: Trial
    points: str
    shade: int | None

    @property
    def kept(self) -> bool:
        """Whether its tree became the branch's."""
        return self.trial.status in KEPT


class Parallel:
    """Every trial whose constants are known. A constant that the code of a trial lacks passes through the strip at the foot."""

    frame = Frame(1000, 380, 80, 48, 944, 312)
    strip = 346

    def __init__(self, view: View, ranked: Sequence[str] = ()) -> None:
        self._trials = [trial for trial in on_newest_data(view.trials) if trial.configuration]
        seen = _values(self._trials)
        order = {name: place for place, name in enumerate(ranked)}
        varied = [name for name in seen if len(seen[name]) > 1 or self._lacking(name)]
        varied.sort(
            key=lambda name: (
                order.get(name, len(order)),
                not self._lacking(name),
                -len(seen[name]),
                name,
            )
        )
        self.left_out = len(varied) - AXES if len(varied) > AXES else 0
        self._scales = {name: _Heights(seen[name], self.frame) for name in varied[:AXES]}
        staircase = Staircase(view)
        self._score = Scale(staircase.y.low, staircase.y.high, self.frame.bottom, self.frame.top)
        self._sorted = sorted(trial.value for trial in self._trials if trial.value is not None)

    @property
    def empty(self) -> bool:
        """True where no constant was tried at more than one value."""
        return not self._scales

    @property
    def many(self) -> bool:
        """True where lines are drawn thinner."""
        return len(self._trials) > MANY

    @cached_property
    def axes(self) -> list[Axis]:
        """The constants, those that mattered most first, and the score."""
        made = [
            Axis(name, x, scale.ticks, scale.log, self._lacking(name))
            for (name, scale), x in zip(self._scales.items(), self._places, strict=False)
        ]
        return [
            *made,
            Axis(
                "val_bpb",
                self._places[-1],
                tuple(self._score.ticks()),
                lacks=len(self._sorted) < len(self._trials),
            ),
        ]

    @cached_property
    def lines(self) -> list[Line]:
        """A line a trial: the failures below, the best scores above them, the kept ones on top."""
        lines = [Line(trial, self._points(trial), self._shade(trial)) for trial in self._trials]
        return sorted(
            lines, key=lambda line: (line.kept, -(SHADES if line.shade is None else line.shade))
        )

    @cached_property
    def _places(self) -> list[float]:
        count, frame = len(self._scales), self.frame
        return [
            round(frame.left + i * (frame.right - frame.left) / max(count, 1), 1)
            for i in range(count + 1)
        ]

    def _points(self, trial: Trial) -> str:
        known = trial.configuration
        heights = [
            scale(known[name]) if name in known else self.strip
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


class _Heights:
    """Where the values of one constant lie on its axis: by size where all are numbers, in alphabetical order elsewhere."""

    def __init__(self, values: set[Value], frame: Frame) -> None:
        self._names: Mapping[Value, float] | None = None
        if not all(map(is_number, values)):
            self._names = {value: float(i) for i, value in enumerate(sorted(values, key=str))}
        numbers = sorted(self._number(value) for value in values)
        self.log = self._names is None and numbers[0] > 0 and numbers[-1] / numbers[0] >= LOG_RATIO
        self._scale = Scale(numbers[0], numbers[-1], frame.bottom, frame.top, self.log)
        shown = numbers if len(numbers) <= NAMED else [numbers[0], numbers[-1]]
        labels = {place: str(value) for value, place in self._names.items()} if self._names else {}
        self.ticks = _apart(
            [(self._scale(number), labels.get(number, f"{number:g}")) for number in shown]
        )

    def __call__(self, value: Value) -> float:
        return self._scale(self._number(value))

    def _number(self, value: Value) -> float:
        return self._names[value] if self._names else float(value)


def _apart(ticks: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """The ticks whose labels do not touch: both ends, and of the others those with room."""
    kept = ticks[:1]
    for place, label in ticks[1:-1]:
        if min(abs(place - kept[-1][0]), abs(place - ticks[-1][0])) >= LABEL_HEIGHT:
            kept.append((place, label))
    return (*kept, *(ticks[-1:] if len(ticks) > 1 else []))


def _values(trials: Sequence[Trial]) -> dict[str, set[Value]]:
    seen: dict[str, set[Value]] = {}
    for trial in trials:
        for name, value in trial.configuration.items():
            seen.setdefault(name, set()).add(value)
    return seen
