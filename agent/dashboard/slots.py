"""Lanes of slots over time: when each trained which trial, with gaps where nothing trained.

The ledger has when an attempt was committed (its slot was free then), when it was judged, and how
long it trained; it does not have the slot. Lanes are those that the loop fills: a trial takes the
lane that became free last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from statistics import median

from agent.dashboard.charts import Frame
from agent.dashboard.labels import Box, Label, placed, width_of
from agent.dashboard.view import View
from agent.display.format import rough_time
from agent.records.results import Attempt, Trial

LANE = 30
# Space beside the number in a bar.
ROOM = 6.0
# A gap in which no lane worked is cut out of the axis if it is longer than both of these.
BREAK_SECONDS = 600.0
BREAK_TRIALS = 3.0
# Width of the axis for a part that was cut out.
CUT = 46.0
# A trial that took this much longer than it trained was interrupted, and went on at a resume.
INTERRUPTED = 3.0
INTERRUPTED_SECONDS = 120.0
STEPS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
TICKS = 7
DAY = 86400
# Commits have whole seconds.
RESOLUTION = 1.0


@dataclass(frozen=True)
class Span:
    """The time that one trial had a slot, in seconds since 1970."""

    trial: Trial | None
    attempt: Attempt | None
    """Set instead of `trial` while it trains."""
    begin: float
    end: float
    trained: float
    """Seconds of training and scoring in it."""
    resumed: bool = False
    """It was interrupted: only its training is drawn, at its end."""

    @property
    def number(self) -> int:
        """Return the number of the trial."""
        what = self.trial or self.attempt
        assert what
        return what.number


@dataclass(frozen=True)
class Bar:
    """A span in its lane."""

    span: Span
    lane: int
    x: float
    width: float


@dataclass(frozen=True)
class Cut:
    """A pause of the whole run, cut out of the axis."""

    x: float
    """The x of its middle."""
    text: str
    """How long the run paused."""
    named: bool
    """Whether the text is shown: it touches no other one above the lanes."""


class Slots:
    """The spans of a run in lanes; the time axis is cut where the whole run paused."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.spans = sorted(_spans(view), key=lambda span: (span.begin, span.end))
        self._lanes = _packed(self.spans)
        self.lanes = max(self._lanes, default=0) + 1
        self._sessions = _sessions(self.spans)
        cuts = len(self._sessions) - 1
        top = 34 if cuts else 8  # the length of a pause is written above it
        bottom = top + LANE * self.lanes
        self.frame = Frame(1000, bottom + 44, 64, top, 984, bottom)
        width = self.frame.right - self.frame.left
        self._cut = min(CUT, 0.5 * width / max(1, cuts))
        self._unit = (width - cuts * self._cut) / (self.seconds or 1.0)

    @property
    def empty(self) -> bool:
        """Return whether no training is known."""
        return not self.spans

    @property
    def seconds(self) -> float:
        """Return how long the run worked, without its pauses."""
        return sum(end - begin for begin, end in self._sessions)

    @property
    def idle(self) -> float:
        """Return the share of the lanes' time in which they had no trial."""
        taken = sum(span.end - span.begin for span in self.spans)
        whole = self.seconds * self.lanes
        return max(0.0, 1 - taken / whole) if whole else 0.0

    @property
    def resumed(self) -> int:
        """Return how many trials were interrupted and went on later."""
        return sum(span.resumed for span in self.spans)

    @cached_property
    def bars(self) -> list[Bar]:
        """Return the spans, the earliest first."""
        bars = []
        for span, lane in zip(self.spans, self._lanes, strict=True):
            x = self.x(span.begin)
            bars.append(Bar(span, lane, x, round(max(0.8, self.x(span.end) - x), 1)))
        return bars

    @property
    def numbers(self) -> list[Label]:
        """Return the numbers of the trials; none if most bars are too narrow for them."""
        labels = [self._number(bar) for bar in self.bars]
        rooms = [bar.width - width_of(f"#{bar.span.number}") for bar in self.bars]
        if not labels or median(rooms) < ROOM:
            return []
        return [label for label, room in zip(labels, rooms, strict=True) if room >= ROOM]

    @cached_property
    def ticks(self) -> list[Label]:
        """Return times of day, UTC, below the lanes."""
        days = -(-self.seconds // (TICKS * DAY)) * DAY
        step = next((s for s in STEPS if self.seconds / s <= TICKS), int(days))
        form = "%H:%M:%S" if step < 60 else "%H:%M"
        labels = [self._tick(at, form) for at in self._round_times(step)]
        return placed([[label] for label in labels], Box(0, 0, self.frame.width, 10_000))

    @property
    def cuts(self) -> list[Cut]:
        """Return where the axis is cut, from left to right."""
        cuts: list[Cut] = []
        edge = 0.0
        for (_, before), (after, _) in pairwise(self._sessions):
            x = round((self.x(before) + self.x(after)) / 2, 1)
            text = rough_time(after - before)
            half = (width_of(text) + ROOM) / 2
            fits = x - half >= edge
            cuts.append(Cut(x, text, fits))
            if fits:
                edge = x + half
        return cuts

    @property
    def times(self) -> str:
        """Return the scale of time for zoom.js: `unit most step step …;begin end x;begin end x …`.

        unit is what a second takes of the axis, most the number of ticks, step the seconds between
        two of them; begin and end are the seconds since 1970 of a part without a pause, x is where
        it begins.
        """
        ticks = " ".join(map(str, (TICKS, *STEPS)))
        parts = (f"{begin:.0f} {end:.0f} {self.x(begin)}" for begin, end in self._sessions)
        return ";".join((f"{self._unit:.6g} {ticks}", *parts))

    @property
    def first(self) -> str:
        """Return the time of the first span, as text."""
        return clock(self.spans[0].begin, "%Y-%m-%d %H:%M UTC")

    def x(self, at: float) -> float:
        """Return the x of a time."""
        place = float(self.frame.left)
        for begin, end in self._sessions:
            if at <= end:
                return round(place + max(0.0, at - begin) * self._unit, 1)
            place += (end - begin) * self._unit + self._cut
        return float(self.frame.right)

    def top(self, lane: int) -> int:
        """Return the upper edge of the bars of a lane."""
        return self.frame.top + lane * LANE

    def _round_times(self, step: int) -> Iterator[float]:
        for begin, end in self._sessions:
            at = -(-begin // step) * step
            while at <= end:
                yield at
                at += step

    def _number(self, bar: Bar) -> Label:
        text = f"#{bar.span.number}"
        x = bar.x + (bar.width - width_of(text)) / 2
        return Label(round(x, 1), self.top(bar.lane) + 17, text)

    def _tick(self, at: float, form: str) -> Label:
        text = clock(at, form)
        return Label(self.x(at) - width_of(text) / 2, self.frame.bottom + 20, text)


def clock(at: float, form: str) -> str:
    """Return a time in UTC as text."""
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _spans(view: View) -> Iterator[Span]:
    for trial in view.trials:
        begin = view.begun.get(trial.attempt)
        if begin is not None and trial.result and trial.at:
            yield _span_of(trial, begin)
    yield from _flying(view)


def _span_of(trial: Trial, begin: float) -> Span:
    result = trial.result
    assert result
    end = datetime.fromisoformat(trial.at).timestamp()
    trained = result.seconds + result.score_seconds
    if end - begin > INTERRUPTED * trained + INTERRUPTED_SECONDS:
        return Span(trial, None, end - trained, end, trained, True)
    return Span(trial, None, min(begin, end), end, trained)


def _flying(view: View) -> Iterator[Span]:
    """Yield a span for each attempt in training, up to the latest known time."""
    if view.pid is None:
        return
    times = [datetime.fromisoformat(trial.at).timestamp() for trial in view.trials if trial.at]
    begun = [(attempt, view.begun.get(attempt.commit)) for attempt in view.in_flight]
    started = [(attempt, at) for attempt, at in begun if at is not None]
    last = max([*times, *(at for _, at in started)], default=0.0)
    for attempt, begin in started:
        yield Span(None, attempt, begin, last, last - begin)


def _packed(spans: Sequence[Span]) -> list[int]:
    """Return the lane of each span: the lane that became free last, or a new one."""
    ends: list[float] = []
    lanes = []
    for span in spans:
        free = [lane for lane, end in enumerate(ends) if end <= span.begin + RESOLUTION]
        if not free:
            free = [len(ends)]
            ends.append(0.0)
        lane = max(free, key=ends.__getitem__)
        ends[lane] = span.end
        lanes.append(lane)
    return lanes


def _sessions(spans: Sequence[Span]) -> list[tuple[float, float]]:
    """Return the periods in which the run worked, without its long pauses."""
    if not spans:
        return [(0.0, 0.0)]
    usual = median(span.end - span.begin for span in spans)
    longest = max(BREAK_SECONDS, BREAK_TRIALS * usual)
    sessions = [(spans[0].begin, spans[0].end)]
    for span in spans[1:]:
        begin, end = sessions[-1]
        if span.begin - end > longest:
            sessions.append((span.begin, span.end))
        else:
            sessions[-1] = (begin, max(end, span.end))
    return sessions
