"""The trials in training, read from their logs."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.dashboard.charts import Curves
from agent.dashboard.view import View
from agent.records.curves import Curve, held_loss_at
from agent.records.results import Attempt, Trial
from sandbox.score.printed import Point


@dataclass(frozen=True)
class Flight:
    """A trial in training, read from its log."""

    attempt: Attempt
    curve: Curve = ()
    incumbent: Curve = ()

    @property
    def curves(self) -> Curves | None:
        """Return the chart of its losses, once there are any."""
        return Curves(self.curve, self.incumbent) if self.curve else None

    @property
    def fraction(self) -> float:
        """Return the used share of the budget."""
        return self.curve[-1][0]

    @property
    def loss(self) -> float:
        """Return the last loss that train.py printed."""
        return self.curve[-1][1]

    @property
    def ahead(self) -> float | None:
        """Return its loss minus the incumbent's at this share of the budget, or None."""
        if not self.incumbent:
            return None
        return self.loss - held_loss_at(self.incumbent, self.fraction)


def flights_of(view: View, curves: Mapping[int, tuple[Point, ...]]) -> list[Flight]:
    """Return the attempts in flight. curves: their training curves so far, by number."""
    best = curve_of(view.best)
    return [Flight(attempt, curves.get(attempt.number, ()), best) for attempt in view.in_flight]


def curve_of(trial: Trial | None) -> Curve:
    """Return the training curve of a trial; an empty one if it has none."""
    return trial.result.curve if trial and trial.result else ()
