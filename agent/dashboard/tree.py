"""The tree of attempts: each kept state is a level, with the trials that were proposed on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.dashboard.charts import MANY, Dot, Frame, Scale
from agent.dashboard.labels import Box, Label, placed
from agent.dashboard.view import View
from agent.records.results import KEPT, Attempt, Trial

# Distance of levels, while the chart is no taller than a screen.
STEP = 30.0
TALLEST = 620.0
# How far a tie may hang below its ends.
SAG = 26.0


@dataclass(frozen=True)
class Level:
    """One kept state."""

    trial: Trial
    x0: float
    """The x of the trial that made it."""
    x1: float
    """The x of the last trial that was proposed on it."""
    y: float
    came_from: float | None
    """The height of the level that it was proposed on, if any."""


@dataclass(frozen=True)
class Tie:
    """A curve from a trial to one that repairs it (`repair`) or repeats it (`repeat`)."""

    kind: str
    before: int
    after: int
    path: str


@dataclass(frozen=True)
class Flying:
    """An attempt in training, on the level of the state that it was proposed on."""

    x: float
    y: float
    attempt: Attempt


class Tree:
    """The trials from left to right by number, each on the level that it was proposed on."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._levels = {trial.number: place for place, trial in enumerate(view.incumbents)}
        steps = max(1, len(self._levels) - 1)
        bottom = round(24 + steps * min(STEP, TALLEST / steps))
        self.frame = Frame(1000, bottom + 62, 64, 24, 984, bottom)
        numbers = [trial.number for trial in view.trials]
        numbers += [attempt.number for attempt in view.in_flight]
        self.x = Scale(0, max([1, *numbers]), self.frame.left + 12, self.frame.right - 12)
        self.y = Scale(0, steps, self.frame.top, self.frame.bottom)

    @property
    def empty(self) -> bool:
        """Return whether there is no kept state."""
        return not self._levels

    @property
    def many(self) -> bool:
        """Return whether the dots would hide each other."""
        return len(self._view.trials) > MANY

    @cached_property
    def levels(self) -> list[Level]:
        """Return the kept states, oldest first."""
        last: dict[int, int] = {}
        for number, home in self._homes.items():
            last[home] = max(number, last.get(home, 0))
            parent = self._view.parents[number]
            if parent:
                last[parent.number] = max(number, last.get(parent.number, 0))
        return [self._level(trial, last[trial.number]) for trial in self._view.incumbents]

    @cached_property
    def dots(self) -> list[Dot]:
        """Return the trials that have a level; the kept ones last."""
        dots = [
            Dot(self.x(trial.number), self._height(trial), trial)
            for trial in self._view.trials
            if trial.number in self._homes
        ]
        return sorted(dots, key=lambda dot: dot.trial.status in KEPT)

    @cached_property
    def flying(self) -> list[Flying]:
        """Return the attempts in training."""
        by_verdict = {trial.verdict: trial.number for trial in self._view.trials}
        flying = []
        for attempt in self._view.in_flight:
            state = self._view.tips.get(by_verdict.get(attempt.parent, -1))
            if state:
                height = self.y(self._levels[state.number])
                flying.append(Flying(self.x(attempt.number), height, attempt))
        return flying

    @cached_property
    def ties(self) -> list[Tie]:
        """Return the curves from trials to those that repair or repeat them."""
        places = {dot.trial.number: (dot.x, dot.y) for dot in self.dots}
        return [
            Tie(kind, before, after, _hanging(places[before], places[after]))
            for kind, before, after in _returns(self._view)
            if before in places and after in places
        ]

    @property
    def late(self) -> int:
        """Return how many trials were proposed on a state that was no tip when they were judged."""
        tips = list(self._view.tips.values())
        pairs = zip(self._view.trials[1:], tips, strict=False)
        return sum(
            tip is not None and trial.against not in (None, tip.number) for trial, tip in pairs
        )

    @cached_property
    def labels(self) -> list[Label]:
        """Return labels with the levels' numbers that do not touch, the newest first."""
        names = [
            [Label(level.x0 - 9, level.y + 4, f"#{level.trial.number}", left=True)]
            for level in reversed(self.levels)
        ]
        return placed(names, Box(0, 0, self.frame.width, self.frame.height))

    @cached_property
    def _homes(self) -> dict[int, int]:
        """Return each trial's level: its own if it was kept, else that of its parent state."""
        homes = {}
        for trial in self._view.trials:
            parent = trial if trial.number in self._levels else self._view.parents[trial.number]
            if parent:
                homes[trial.number] = parent.number
        return homes

    def _height(self, trial: Trial) -> float:
        return self.y(self._levels[self._homes[trial.number]])

    def _level(self, trial: Trial, last: int) -> Level:
        parent = self._view.parents[trial.number] if trial.status != "baseline" else None
        came_from = self.y(self._levels[parent.number]) if parent else None
        return Level(trial, self.x(trial.number), self.x(last), self._height(trial), came_from)


def _returns(view: View) -> Iterator[tuple[str, int, int]]:
    """Yield the kind of a tie, and the numbers of the earlier and the later trial."""
    for trial in view.trials:
        by = trial.proposal.by
        if by.repairs is not None:
            yield "repair", by.repairs, trial.number
        if by.replays is not None:
            yield "repeat", by.replays, trial.number


def _hanging(before: tuple[float, float], after: tuple[float, float]) -> str:
    """Return a curve from one place to another that hangs below both."""
    x0, y0 = before
    x1, y1 = after
    sag = max(y0, y1) + min(SAG, 8 + abs(x1 - x0) / 4)
    return f"M{x0} {y0}C{x0} {sag:.1f} {x1} {sag:.1f} {x1} {y1}"
