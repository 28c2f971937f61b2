"""The geometry of a page's pictures, in the units of an SVG's view box; the templates draw it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile, pairwise

from agent.dashboard.view import View
from agent.display.format import Curve, bpb, spread
from agent.records.proposals import Value
from agent.records.results import KEPT, Trial, on_newest_data

TICKS = 5
# A discarded trial far above everything else would flatten the staircase: scores above this quantile are drawn at the edge.
CLIP_QUANTILE = 0.8
# Beyond this ratio of its largest to its smallest value a constant is drawn on a logarithmic axis.
LOG_RATIO = 20.0
SLICES = 12
# From this many trials on their dots are drawn smaller.
MANY = 250


@dataclass(frozen=True)
class Scale:
    """Maps low..high onto start..end; beyond them it is clamped."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of round values."""
        return [(self(value), label) for value, label in _round_values(self.low, self.high)]


@dataclass(frozen=True)
class Dot:
    """One trial in a picture. clipped: it lies beyond the edge that it is drawn at."""

    x: float
    y: float
    trial: Trial
    clipped: bool = False


@dataclass(frozen=True)
class Frame:
    """A picture's size and the box its data lies in: left, top, right, bottom."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int


class Staircase:
    """Every trial a dot, the incumbent a staircase with the noise around it; failures on a strip of their own below."""

    frame = Frame(1000, 380, 84, 16, 984, 310)
    strip = 335

    def __init__(self, view: View) -> None:
        self._view = view
        frame = self.frame
        last = max([trial.number for trial in view.trials], default=0)
        self.x = Scale(0, max(last, 1), frame.left + 12, frame.right - 12)
        self.y = Scale(*self._range(), frame.bottom - 8, frame.top + 8)

    @property
    def many(self) -> bool:
        """True where the dots would hide each other."""
        return len(self._view.trials) > MANY

    @property
    def empty(self) -> bool:
        """True where nothing has a score yet."""
        return not self._view.incumbents

    def _range(self) -> tuple[float, float]:
        view, margin = self._view, self._view.band
        scores = sorted(trial.value for trial in view.trials if trial.value is not None)
        if not scores:
            return 0.0, 1.0
        tops = [one.value for one in view.incumbents if one.value is not None]
        high = max([*tops, scores[int(CLIP_QUANTILE * (len(scores) - 1))]]) + margin
        low = scores[0] - margin
        room = 0.06 * (high - low) or abs(high) * 0.01 or 1.0
        return low - room, high + room

    @cached_property
    def dots(self) -> list[Dot]:
        """Trials with a score; the kept ones last, so that they lie on top."""
        scored = [trial for trial in self._view.trials if trial.value is not None]
        dots = [
            Dot(self.x(one.number), self.y(one.value or 0.0), one, (one.value or 0.0) > self.y.high)
            for one in scored
        ]
        return sorted(dots, key=lambda dot: dot.trial.status in KEPT)

    @property
    def failures(self) -> list[Dot]:
        """Trials without a score, on the strip."""
        return [
            Dot(self.x(one.number), self.strip, one)
            for one in self._view.trials
            if one.value is None and not one.claim
        ]

    @property
    def steps(self) -> str:
        """The staircase, as an SVG path."""
        return "".join(
            f"{'H' if i else 'M'}{x0} {'V' if i else ''}{y} H{x1} "
            for i, (x0, x1, y) in enumerate(self._treads(0.0))
        )

    @property
    def band(self) -> str:
        """Twice the noise around the staircase, as an SVG path; nothing while the noise is not measured."""
        margin = self._view.band
        above, below = self._treads(margin), self._treads(-margin)
        corners = [f"{x0},{y} {x1},{y}" for x0, x1, y in above] + [
            f"{x1},{y} {x0},{y}" for x0, x1, y in reversed(below)
        ]
        return f"M{' '.join(corners)} Z" if margin and corners else ""

    def _treads(self, offset: float) -> list[tuple[float, float, float]]:
        """(from, to, height) of each incumbent's reign."""
        ends = [self.x(one.number) for one in self._view.reigns]
        heights = [self.y((one.value or 0.0) + offset) for one in self._view.reigns]
        return [
            (x0, x1, y)
            for (x0, x1), y in zip(pairwise([*ends, self.frame.right]), heights, strict=True)
        ]

    @property
    def labels(self) -> list[Dot]:
        """The three changes that did most, to be named in the picture."""
        best = {gain.trial.number for gain in self._view.gains[:3]}
        return [dot for dot in self.dots if dot.trial.number in best]

    def numbers(self) -> list[tuple[float, str]]:
        """The ticks of the axis of trials: whole numbers."""
        return [(x, label) for x, label in self.x.ticks() if label.isdigit()]


class Curves:
    """A trial's training loss over the incumbent's, against the share of the budget."""

    frame = Frame(520, 220, 60, 10, 492, 180)

    def __init__(self, mine: Curve, incumbent: Curve = ()) -> None:
        frame = self.frame
        known = [curve for curve in (mine, incumbent) if curve]
        low, high = spread(*known) if known else (0.0, 1.0)
        room = 0.06 * (high - low) or 0.5
        self.x = Scale(0.0, 1.0, frame.left, frame.right)
        self.y = Scale(low - room, high + room, frame.bottom, frame.top)
        self.mine, self.incumbent = self._line(mine), self._line(incumbent)

    def _line(self, curve: Curve) -> str:
        """The points from the first that lies in the picture: the steep fall before it is no part of it."""
        seen = list(dropwhile(lambda point: point[1] > self.y.high, curve)) or list(curve[-1:])
        points = [f"{self.x(fraction)},{self.y(loss)}" for fraction, loss in seen]
        return " ".join(points if len(points) != 1 else points * 2)  # twice the same is a dot


class Overlay:
    """The best so far of several runs, over the time that their trainings took: runs of any number of workers compare."""

    frame = Frame(1000, 360, 84, 16, 984, 306)

    def __init__(self, views: Sequence[View]) -> None:
        walks = [list(walk_of(view)) for view in views]
        values = [value for walk in walks for _, value in walk]
        seconds = max((at for walk in walks for at, _ in walk), default=0.0)
        self.unit, self.per = ("hours", 3600.0) if seconds >= 2 * 3600 else ("minutes", 60.0)
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room, frame = 0.06 * (high - low) or 0.01, self.frame
        self.x = Scale(0.0, seconds / self.per or 1.0, frame.left, frame.right)
        self.y = Scale(low - room, high + room, frame.bottom, frame.top)
        self.lines = [self._line(walk) for walk in walks]

    def _line(self, walk: list[tuple[float, float]]) -> str:
        corners = [(self.x(at / self.per), self.y(value)) for at, value in walk]
        return " ".join(
            f"{'H' if i else 'M'}{x} {'V' if i else ''}{y}" for i, (x, y) in enumerate(corners)
        )


def walk_of(view: View) -> Iterator[tuple[float, float]]:
    """(seconds of training so far, best so far), at each new best and at the end."""
    seconds, best = 0.0, None
    for trial in on_newest_data(view.trials):
        seconds += trial.result.seconds if trial.result else 0.0
        if trial.value is not None and trial.status in KEPT:
            best = trial.value
            yield seconds, best
    if best is not None:
        yield seconds, best


class Slice:
    """One constant's values against the scores that they came with."""

    frame = Frame(300, 190, 58, 8, 292, 152)

    def __init__(self, name: str, trials: Sequence[Trial], y: tuple[float, float]) -> None:
        frame = self.frame
        self.name, self._trials = name, trials
        values = [trial.configuration[name] for trial in trials]
        self._places: Mapping[Value, float] | None = None
        if not all(is_number(value) for value in values):
            self._places = {value: float(i) for i, value in enumerate(sorted(set(values), key=str))}
        numbers = [self._number(trial) for trial in trials]
        self.log = min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_RATIO
        self.x = Scale(min(numbers), max(numbers), frame.left + 8, frame.right - 8, self.log)
        self.y = Scale(*y, frame.bottom - 6, frame.top + 6)

    def _number(self, trial: Trial) -> float:
        value = trial.configuration[self.name]
        return self._places[value] if self._places else float(value)

    @property
    def ends(self) -> tuple[str, str]:
        """Labels of the left and the right end of its axis."""
        if self._places:
            names = list(map(str, self._places))
            return names[0], names[-1]
        return f"{self.x.low:g}", f"{self.x.high:g}"

    @property
    def dots(self) -> list[Dot]:
        """A dot a trial; the kept ones last."""
        dots = [
            Dot(
                self.x(self._number(one)),
                self.y(one.value or 0.0),
                one,
                (one.value or 0.0) > self.y.high,
            )
            for one in self._trials
        ]
        return sorted(dots, key=lambda dot: dot.trial.status in KEPT)


def slices(view: View) -> list[Slice]:
    """A slice for each constant that more than one value was measured of, the most varied first."""
    scored = [trial for trial in on_newest_data(view.trials) if trial.value is not None]
    values: dict[str, set[Value]] = {}
    for trial in scored:
        for name, value in trial.configuration.items():
            values.setdefault(name, set()).add(value)
    names = sorted(
        (name for name in values if len(values[name]) > 1),
        key=lambda name: (-len(values[name]), name),
    )
    y = Staircase(view).y
    return [
        Slice(name, [one for one in scored if name in one.configuration], (y.low, y.high))
        for name in names[:SLICES]
    ]


def title_of(trial: Trial) -> str:
    """What a dot says when it is pointed at."""
    score = f" {bpb(trial.value)}" if trial.value is not None else ""
    return f"#{trial.number} {trial.status}{score}: {trial.proposal.hypothesis}"


def is_number(value: Value) -> bool:
    """True for a number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _round_values(low: float, high: float) -> list[tuple[float, str]]:
    """About five round values between low and high, with labels of as many digits as tell them apart."""
    if not high > low:
        return [(low, f"{low:g}")]
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [
        (i * step, f"{i * step:.{digits}f}")
        for i in range(first, math.floor(high / step + 1e-9) + 1)
    ]
