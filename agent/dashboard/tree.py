"""The tree of attempts: a level a kept state, on it what was tried from there, and the step to the next one that it led to."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.dashboard.charts import MANY, Dot, Frame, Scale
from agent.dashboard.view import View
from agent.records.results import KEPT, Attempt, Trial

# Levels keep this distance until the picture would be taller than a screen.
STEP, TALLEST = 30.0, 620.0
# How far below its ends a tie hangs, at the most.
SAG = 26.0


@dataclass(frozen=True)
class Level:
    """One kept state. x0: where it came into being; x1: the last that was tried on it. came_from: the height above, if any."""

    trial: Trial
    x0: float
    x1: float
    y: float
    came_from: float | None


@dataclass(frozen=True)
class Tie:
    """From a trial to one that goes back to it: it mends the failure (`mend`), or is tried again on a newer tip (`again`)."""

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
    """The trials from left to right as they were numbered, each on the level of the state that it was proposed on."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._levels = {trial.number: place for place, trial in enumerate(view.incumbents)}
        height = max(1, len(self._levels) - 1) * min(STEP, TALLEST / max(1, len(self._levels) - 1))
        bottom = round(24 + height)
        self.frame = Frame(1000, bottom + 62, 64, 24, 984, bottom)
        numbers = [trial.number for trial in view.trials] + [
            attempt.number for attempt in view.in_flight
        ]
        self.x = Scale(0, max([1, *numbers]), self.frame.left + 12, self.frame.right - 12)
        self.y = Scale(0, max(1, len(self._levels) - 1), self.frame.top, self.frame.bottom)

    @property
    def empty(self) -> bool:
        """True where there is no state to try anything on."""
        return not self._levels

    @property
    def many(self) -> bool:
        """True where the dots would hide each other."""
        return len(self._view.trials) > MANY

    @cached_property
    def levels(self) -> list[Level]:
        """The kept states, oldest first."""
        last: dict[int, int] = {}
        for number, on in self._homes.items():
            parent = self._view.parents[number]
            for place in {on, parent.number} if parent else {on}:
                last[place] = max(number, last.get(place, 0))
        return [self._level(trial, last[trial.number]) for trial in self._view.incumbents]

    @cached_property
    def dots(self) -> list[Dot]:
        """Every trial that stands on a level; the kept ones last."""
        dots = [
            Dot(self.x(one.number), self._height(one), one)
            for one in self._view.trials
            if one.number in self._homes
        ]
        return sorted(dots, key=lambda dot: dot.trial.status in KEPT)

    @cached_property
    def flying(self) -> list[Flying]:
        """The attempts in training."""
        by_verdict = {trial.verdict: trial.number for trial in self._view.trials}
        states = (
            (one, self._view.tips.get(by_verdict.get(one.parent, -1)))
            for one in self._view.in_flight
        )
        return [
            Flying(self.x(one.number), self.y(self._levels[state.number]), one)
            for one, state in states
            if state
        ]

    @cached_property
    def ties(self) -> list[Tie]:
        """What goes back to an earlier trial than the state it stands on."""
        places = {dot.trial.number: (dot.x, dot.y) for dot in self.dots}
        return [
            Tie(kind, before, after, _hanging(places[before], places[after]))
            for kind, before, after in _returns(self._view)
            if before in places and after in places
        ]

    @property
    def late(self) -> int:
        """How many trials were judged when the state that they were proposed on was no longer the tip."""
        tips = list(self._view.tips.values())
        pairs = zip(self._view.trials[1:], tips, strict=False)
        return sum(
            one.against is not None and tip is not None and one.against != tip.number
            for one, tip in pairs
        )

    def numbers(self) -> list[tuple[float, str]]:
        """The ticks of the axis of trials: whole numbers."""
        return [(x, label) for x, label in self.x.ticks() if label.isdigit()]

    @cached_property
    def _homes(self) -> dict[int, int]:
        """On which state's level each trial stands: a kept one on its own, another on that which it was proposed on."""
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
    for trial in view.trials:
        by = trial.proposal.by
        if by.repairs is not None:
            yield "mend", by.repairs, trial.number
        if by.replays is not None:
            yield "again", by.replays, trial.number


def _hanging(before: tuple[float, float], after: tuple[float, float]) -> str:
    """A curve from one place to another that hangs below both."""
    (x0, y0), (x1, y1) = before, after
    sag = max(y0, y1) + min(SAG, 8 + abs(x1 - x0) / 4)
    return f"M{x0} {y0}C{x0} {sag:.1f} {x1} {sag:.1f} {x1} {y1}"
