"""The result of testing a run's target under fresh seeds."""

from agent.records.bounded import Derived, Natural, Real
from agent.records.objective import score_text
from sandbox.ground.record import Record


class TargetResult(Record):
    """Whether an attempt has proved the target."""

    target: Real
    reached: bool
    value: Derived
    """Mean of the runs."""
    bound: Derived | None = None
    """The worse end of the value, at 95 % to one side; None where no noise is known."""
    runs: Natural
    """Under seeds that played no part in the verdict; with an exact score, its own."""

    def __str__(self) -> str:
        """Return `the target 95 is reached: 95.6 over 4 fresh seeds, 95.2 at worst`."""
        what = "reached" if self.reached else "not proved"
        is_exact = self.bound == self.value
        kind = "run" if is_exact else "fresh seed"
        seeds = f"{self.runs} {kind}{'s' if self.runs != 1 else ''}"
        worst = ""
        if self.bound is not None and not is_exact:
            worst = f", {score_text(self.bound)} at worst"
        text = f"the target {self.target:g} is {what}: {score_text(self.value)} over {seeds}"
        return f"{text}{worst}"
