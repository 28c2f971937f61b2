"""The geometry of a page's charts, in the units of an SVG's view box; the templates draw it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, dropwhile, pairwise

from agent.dashboard.labels import Box, Label, placed, shortened
from agent.dashboard.view import View
from agent.display.format import Formatter, spread
from agent.display.scores import axis_title
from agent.records.bounded import is_number
from agent.records.curves import Curve
from agent.records.proposals import Value
from agent.records.results import KEPT, Trial, on_newest_data

TICKS = 5
# Characters: more do not fit beside an axis.
LONGEST_TICK = 8
# A discarded trial far worse than everything else would flatten the staircase: scores worse than
# this quantile are drawn at the edge.
CLIP_QUANTILE = 0.8
# Beyond this ratio of its largest to its smallest value a constant is drawn on a logarithmic axis.
LOG_RATIO = 20.0
SLICES = 12
# Characters of the names at both ends of a slice, which has "log" between them.
END_WIDTH = 96.0
# With more trials than this their dots are drawn smaller.
MANY = 250
# The largest gains are named, at full length or shorter where there is no room.
NAMED = 5
NAME_WIDTHS = (300.0, 180.0, 90.0)
# Characters of the claim in a tooltip, which every chart repeats.
TITLE_WIDTH = 620.0
FORMATTER = Formatter()
# A time axis is in hours from this many on.
LEAST_HOURS = 2


@dataclass(frozen=True)
class Scale:
    """Maps low..high onto start..end, clamped; `log` on a logarithmic scale."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        points = [self.low, self.high, value]
        if self.log:
            points = [math.log(point) for point in points]
        low, high, place = points
        share = (place - low) / (high - low) if high > low else 0.5
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Return positions and labels of round values."""
        return [(self(value), label) for value, label in _round_values(self.low, self.high)]

    def whole_ticks(self) -> list[tuple[float, str]]:
        """Return positions and labels of whole numbers only, for an axis of trials."""
        return [(place, label) for place, label in self.ticks() if label.isdigit()]


@dataclass(frozen=True)
class Dot:
    """One trial in a chart."""

    x: float
    y: float
    trial: Trial
    clipped: bool = False
    """Its score is outside the chart, and it is drawn at the edge."""
    low: bool = False
    """It is drawn at the lower edge."""


@dataclass(frozen=True)
class Frame:
    """A chart's size and the box of its data: left, top, right, bottom."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int


class Staircase:
    """Every trial as a dot, the incumbent as a staircase with its noise, failures below."""

    frame = Frame(1000, 380, 84, 16, 984, 310)
    strip = 335

    def __init__(self, view: View) -> None:
        self._view = view
        self.axis = view.axis
        frame = self.frame
        last = max([trial.number for trial in view.trials], default=0)
        self.x = Scale(0, max(last, 1), frame.left + 12, frame.right - 12)
        self.y = Scale(*self._range(), frame.bottom - 8, frame.top + 8)

    @property
    def many(self) -> bool:
        """Return whether there are so many dots that they would hide each other."""
        return len(self._view.trials) > MANY

    @property
    def empty(self) -> bool:
        """Return whether no trial has a score yet."""
        return not self._view.incumbents

    def _range(self) -> tuple[float, float]:
        view = self._view
        scores = sorted(trial.value for trial in view.trials if trial.value is not None)
        if not scores:
            return 0.0, 1.0
        incumbents = [trial.value for trial in view.incumbents if trial.value is not None]
        place = int(CLIP_QUANTILE * (len(scores) - 1))
        low = scores[0]
        high = max([*incumbents, scores[place]])
        if view.run.goal.direction == "maximize":
            low = min([*incumbents, scores[-1 - place]])
            high = scores[-1]
        low = min(view.shifted(low, view.band), view.shifted(low, -view.band))
        high = max(view.shifted(high, view.band), view.shifted(high, -view.band))
        room = 0.06 * (high - low) or abs(high) * 0.01 or 1.0
        return low - room, high + room

    @cached_property
    def dots(self) -> list[Dot]:
        """Return the trials with a score; the kept ones last, so that they are on top."""
        return _kept_last(
            _dot(self.x(trial.number), self.y, trial, trial.value)
            for trial in self._view.trials
            if trial.value is not None
        )

    @property
    def edges(self) -> str:
        """Return the marks of the scores outside the chart: none, one or both."""
        clipped = {dot.low for dot in self.dots if dot.clipped}
        return "".join(mark for low, mark in ((False, "△"), (True, "▽")) if low in clipped)

    @property
    def failures(self) -> list[Dot]:
        """Return the trials without a score, on the strip."""
        return [
            Dot(self.x(trial.number), self.strip, trial)
            for trial in self._view.trials
            if trial.value is None and not trial.claim
        ]

    @property
    def steps(self) -> str:
        """Return the staircase, as an SVG path."""
        path = ""
        for x0, x1, y in self._treads(0.0):
            path += f"H{x0} V{y} H{x1} " if path else f"M{x0} {y} H{x1} "
        return path

    @property
    def band(self) -> str:
        """Return twice the noise around the staircase, as an SVG path; empty if unmeasured."""
        margin = self._view.band
        corners = [f"{x0},{y} {x1},{y}" for x0, x1, y in self._treads(margin)]
        corners += [f"{x1},{y} {x0},{y}" for x0, x1, y in reversed(self._treads(-margin))]
        return f"M{' '.join(corners)} Z" if margin and corners else ""

    def _treads(self, offset: float) -> list[tuple[float, float, float]]:
        """Return the (start, end, height) of each incumbent's step."""
        reigns = self._view.reigns
        ends = [*(self.x(trial.number) for trial in reigns), self.frame.right]
        heights = [self.y(self._view.shifted(trial.value or 0.0, offset)) for trial in reigns]
        steps = zip(pairwise(ends), heights, strict=True)
        return [(x0, x1, y) for (x0, x1), y in steps]

    @cached_property
    def labels(self) -> list[Label]:
        """Return the names of the largest gains, each where it touches no other."""
        places = {dot.trial.number: dot for dot in self.dots}
        named = [places[gain.trial.number] for gain in self._view.gains[:NAMED]]
        rises = self._view.run.goal.direction == "maximize"
        choices = [list(_names(dot, rises)) for dot in named if not dot.clipped]
        frame = self.frame
        return placed(choices, Box(frame.left, frame.top, frame.right, frame.bottom))


class Curves:
    """A trial's training loss over the incumbent's, by the share of the budget."""

    frame = Frame(520, 220, 60, 10, 492, 180)

    def __init__(self, mine: Curve, incumbent: Curve = ()) -> None:
        frame = self.frame
        low, high = spread(mine, incumbent) if mine or incumbent else (0.0, 1.0)
        room = 0.06 * (high - low) or 0.5
        self.x = Scale(0.0, 1.0, frame.left, frame.right)
        self.y = Scale(low - room, high + room, frame.bottom, frame.top)
        self.mine = self._line(mine)
        self.incumbent = self._line(incumbent)

    def _line(self, curve: Curve) -> str:
        """Return the curve without the steep fall above the chart."""
        inside = list(dropwhile(lambda point: point[1] > self.y.high, curve)) or list(curve[-1:])
        points = [f"{self.x(fraction)},{self.y(loss)}" for fraction, loss in inside]
        # The same point twice is drawn as a dot.
        return " ".join(points * 2 if len(points) == 1 else points)


class Overlay:
    """The best so far of several runs over training time, whatever their number of workers."""

    frame = Frame(1000, 360, 84, 16, 984, 306)

    def __init__(self, views: Sequence[View]) -> None:
        walks = [list(walk_of(view)) for view in views]
        points = list(chain.from_iterable(walks))
        values = [value for _, value in points] or [0.0, 1.0]
        seconds = max((at for at, _ in points), default=0.0)
        self.unit = "hours" if seconds >= LEAST_HOURS * 3600 else "minutes"
        self.per = 3600.0 if self.unit == "hours" else 60.0
        low = min(values)
        high = max(values)
        room = 0.06 * (high - low) or 0.01
        frame = self.frame
        self.x = Scale(0.0, seconds / self.per or 1.0, frame.left, frame.right)
        self.y = Scale(low - room, high + room, frame.bottom, frame.top)
        self.lines = [self._line(walk) for walk in walks]
        self._views = views

    def axis(self, so_far: bool = False) -> str:
        """Return the title of the axis of scores."""
        trials = list(chain.from_iterable(view.trials for view in self._views))
        return axis_title(trials, self._views[0].formatter, so_far)

    def _line(self, walk: list[tuple[float, float]]) -> str:
        corners = [(self.x(at / self.per), self.y(value)) for at, value in walk]
        moves = [f"M{x} {y}" for x, y in corners[:1]]
        moves += [f"H{x} V{y}" for x, y in corners[1:]]
        return " ".join(moves)


def walk_of(view: View) -> Iterator[tuple[float, float]]:
    """Yield (seconds of training so far, best so far), at each new best and at the end."""
    seconds = 0.0
    best = None
    for trial in on_newest_data(view.trials):
        if trial.result:
            seconds += trial.result.seconds
        if trial.value is not None and trial.status in KEPT:
            best = trial.value
            yield seconds, best
    if best is not None:
        yield seconds, best


class Slice:
    """One constant's values against the scores of their trials."""

    frame = Frame(300, 190, 58, 8, 292, 152)

    def __init__(self, name: str, trials: Sequence[Trial], y: tuple[float, float]) -> None:
        frame = self.frame
        self.name = name
        self._trials = trials
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
    def named(self) -> bool:
        """Return whether its values are names, which have no order on a scale."""
        return self._places is not None

    @property
    def ends(self) -> tuple[str, str]:
        """Return the labels of the left and the right end of its axis."""
        if self._places:
            names = [FORMATTER.line(str(value)) for value in self._places]
            return shortened(names[0], END_WIDTH), shortened(names[-1], END_WIDTH)
        return f"{self.x.low:g}", f"{self.x.high:g}"

    @property
    def dots(self) -> list[Dot]:
        """Return a dot per trial; the kept ones last."""
        return _kept_last(
            _dot(self.x(self._number(trial)), self.y, trial, trial.value)
            for trial in self._trials
            if trial.value is not None
        )


def _dot(x: float, y: Scale, trial: Trial, value: float) -> Dot:
    """Return the dot of a score, at the edge where it is beyond it."""
    beyond = not y.low <= value <= y.high
    return Dot(x, y(value), trial, beyond, value < y.low)


def _names(dot: Dot, rises: bool) -> Iterator[Label]:
    """Yield the places for a dot's name.

    The room is above and right of a falling staircase, and above and left of one that rises.
    """
    name = FORMATTER.line(f"#{dot.trial.number} {dot.trial.proposal.hypothesis}")
    for width in NAME_WIDTHS:
        text = shortened(name, width)
        above = Label(dot.x + 9, dot.y - 8, text)
        left_above = Label(dot.x - 9, dot.y - 8, text, left=True)
        yield left_above if rises else above
        yield Label(dot.x - 9, dot.y + 16, text, left=True)
        yield Label(dot.x + 9, dot.y + 18, text)
        yield above if rises else left_above


def _kept_last(dots: Iterable[Dot]) -> list[Dot]:
    return sorted(dots, key=lambda dot: dot.trial.status in KEPT)


def slices(view: View) -> list[Slice]:
    """Return a slice for each constant with more than one measured value, the most varied first."""
    scored = [trial for trial in on_newest_data(view.trials) if trial.value is not None]
    values = values_of(scored)
    varied = [name for name in values if len(values[name]) > 1]
    varied.sort(key=lambda name: (-len(values[name]), name))
    y = Staircase(view).y
    charts = []
    for name in varied[:SLICES]:
        trials = [trial for trial in scored if name in trial.configuration]
        charts.append(Slice(name, trials, (y.low, y.high)))
    return charts


def values_of(trials: Sequence[Trial]) -> dict[str, set[Value]]:
    """Return the values that each constant had, by name."""
    values: dict[str, set[Value]] = {}
    for trial in trials:
        for name, value in trial.configuration.items():
            values.setdefault(name, set()).add(value)
    return values


def title_of(trial: Trial) -> str:
    """Return the tooltip of a dot."""
    score = f" {FORMATTER.score(trial.value)}" if trial.value is not None else ""
    claim = shortened(FORMATTER.line(trial.proposal.hypothesis), TITLE_WIDTH)
    return f"#{trial.number} {trial.status}{score}: {claim}"


def _round_values(low: float, high: float) -> list[tuple[float, str]]:
    """Return about five round values between low and high, with distinct labels."""
    if not high > low:
        return [(low, f"{low:g}")]
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [
        (i * step, _number_text(i * step, digits))
        for i in range(first, math.floor(high / step + 1e-9) + 1)
    ]


def _number_text(value: float, digits: int) -> str:
    """Return a tick's number; a long one in powers of ten."""
    text = f"{value:.{digits}f}"
    return text if len(text) <= LONGEST_TICK else f"{value:.2e}"
