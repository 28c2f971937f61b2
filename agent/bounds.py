"""When a run has had enough: trials, hours and dollars."""

from collections.abc import Sequence

from agent.records import Trial
from sandbox.record import Record


class Bounds(Record):
    """What this session may use; None is no bound. `trials` counts measurements from now on, `max_cost` counts the whole run."""

    trials: int | None = None
    hours: float | None = None
    max_cost: float | None = None

    def spent(self, measured: int, seconds: float, trials: Sequence[Trial]) -> str | None:
        """The bound that is used up, in words, or None while the run may go on."""
        if self.trials is not None and measured >= self.trials:
            return f"{self.trials} trials measured"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"{self.hours:g} hours used"
        if self.max_cost is not None and cost_of(trials) >= self.max_cost:
            return f"${cost_of(trials):.2f} of ${self.max_cost:.2f} spent"
        return None


def cost_of(trials: Sequence[Trial]) -> float:
    """Dollars spent on proposals so far, those of unknown price not counted."""
    return sum(trial.proposal.by.cost or 0.0 for trial in trials)
