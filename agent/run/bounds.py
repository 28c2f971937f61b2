"""When a run has had enough: trials, hours and dollars."""

from collections.abc import Iterable

from agent.records.proposals import Proposal
from sandbox.ground.record import Record


class Bounds(Record):
    """What this session may use; None is no bound. `trials` counts measurements from now on, `max_cost` counts the whole run.

    measured, seconds: of this session. cost: dollars that the run has spent (see cost_of).
    """

    trials: int | None = None
    hours: float | None = None
    max_cost: float | None = None

    def spent(self, measured: int, seconds: float, cost: float) -> str | None:
        """The bound that is used up, in words, or None while the run may go on."""
        if self.trials is not None and measured >= self.trials:
            return f"{self.trials} trials measured"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"{self.hours:g} hours used"
        if self.max_cost is not None and cost >= self.max_cost:
            return f"${cost:.2f} of ${self.max_cost:.2f} spent"
        return None

    def left(self, measured: int, seconds: float, cost: float) -> str:
        """What may still be used, in words: `12 trials, 3.2 hours, $4.10`; nothing where there is no bound."""
        said = [f"{max(0, self.trials - measured)} trials"] if self.trials is not None else []
        said += (
            [f"{max(0.0, self.hours - seconds / 3600):.1f} hours"] if self.hours is not None else []
        )
        dollars = self.dollars(cost)
        return ", ".join([*said, *([f"${dollars:.2f}"] if dollars is not None else [])])

    def dollars(self, cost: float) -> float | None:
        """What may still be spent; None without a bound."""
        return None if self.max_cost is None else max(0.0, self.max_cost - cost)


def cost_of(proposals: Iterable[Proposal]) -> float:
    """Dollars spent on proposals, those of unknown price not counted."""
    return sum(proposal.by.cost or 0.0 for proposal in proposals)
