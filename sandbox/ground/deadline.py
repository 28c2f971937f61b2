"""How long a training may take on the harness's clock, given what the baseline took there. Pure.

A budget in seconds allows the budget, the baseline's start-up (all that its training took beyond
the budget) and 5 %. Nothing outside the training sees how long its own start-up was, so a longer
one counts as training. A training with a shorter start-up may train for the rest.

A budget in steps is the weaker promise: the time is bounded, the steps are not counted. If it was
observed when a training first opened its tokens, only the time from there counts.
"""

from pydantic import Field

from sandbox.ground.budget import Budget
from sandbox.ground.record import Record

OVERSHOOT = 0.05
"""Allowed beyond a budget in seconds, as a share of it."""
FLOOR_SECONDS = 1.0
"""The least that is allowed beyond the baseline's longest run. Twelve starts of the bundled
train.py on two cores at a load of three lay 0.45 s apart (0.97 to 1.42 s), eleven beside more work
2.4 s (1.4 to 3.8 s); there train.py shortens itself."""
STEPS_MARGIN = 1.5
"""Allowed for a budget in steps, as a multiple of the baseline's time for as many steps."""
STARTUP_MARGIN = 2.0
"""With a budget in steps a start-up trains nothing: it may take this many times the baseline's,
plus STARTUP_SLACK_SECONDS."""
STARTUP_SLACK_SECONDS = 20.0
UNKNOWN_STARTUP_SECONDS = 900.0
"""Allowed before the baseline has shown what start-up (imports, compilation, data) costs here."""
UNKNOWN_STEPS_SECONDS = 3600.0
LATE_SECONDS = 1.0
"""How late a busy harness may end a training. What is found even later may have been written after
the deadline."""


class Usual(Record):
    """What training the baseline takes on this machine, in seconds: the longest of its runs."""

    seconds: float = Field(ge=0)
    stepping: float | None = Field(default=None, ge=0)
    """The longest time from opening the tokens to the end; None if that was not observed."""


class Deadline(Record):
    """When a training under `budget` is ended, and what counts as keeping to it."""

    budget: Budget
    usual: Usual

    @property
    def seconds(self) -> float:
        """Seconds from its start after which it is ended."""
        if self.budget.unit == "s":
            margin = max(OVERSHOOT * self.budget.amount, FLOOR_SECONDS)
            return self.budget.amount + self._startup + margin
        stepping, _ = self._steps(opened=0.0)
        startup = STARTUP_MARGIN * (self.usual.seconds - stepping) + STARTUP_SLACK_SECONDS
        return startup + _margin(stepping)

    def broken(self, seconds: float, opened: float | None, killed: bool) -> str:
        """Return why a training of `seconds` broke its budget, with both times; empty if not.

        opened: seconds after which it first opened its tokens (0 if never, None if that was not
        watched). killed: whether it was ended at the deadline.
        """
        if self.budget.unit == "s":
            late, took, allowed = self._judge_seconds(seconds, killed)
        else:
            late, took, allowed = self._judge_steps(seconds, opened, killed)
        still = " and had not ended" if killed else ""
        return f"trained {took:.1f} s{still}, where {allowed}" if late else ""

    def _judge_seconds(self, seconds: float, killed: bool) -> tuple[bool, float, str]:
        allowed = (
            f"the budget of {self.budget.amount} s and the baseline's start-up of "
            f"{self._startup:.1f} s allow {self.seconds:.1f} s; "
            "a longer start-up counts as training"
        )
        return killed or seconds > self.seconds + LATE_SECONDS, seconds, allowed

    def _judge_steps(
        self, seconds: float, opened: float | None, killed: bool
    ) -> tuple[bool, float, str]:
        usual, since = self._steps(opened)
        took = seconds - (opened or 0.0)
        allowed = (
            f"the baseline took {usual:.1f} s for {self.budget.amount} steps{since}, which allows "
            f"{_margin(usual):.1f} s; "
            "what needs more time a step needs a budget in seconds (start --budget 5m)"
        )
        return killed or took > _margin(usual), took, allowed

    def _steps(self, opened: float | None) -> tuple[float, str]:
        """Return how long the baseline's steps took, and what else that time includes, in words."""
        if opened is None or self.usual.stepping is None:
            return self.usual.seconds, " and its start-up"
        return self.usual.stepping, ""

    @property
    def _startup(self) -> float:
        return max(0.0, self.usual.seconds - self.budget.amount)


def _margin(steps: float) -> float:
    return STEPS_MARGIN * steps + FLOOR_SECONDS


def unknown_cap(budget: Budget) -> float:
    """Return the seconds after which a training is ended while the baseline's time is unknown."""
    if budget.unit == "steps":
        return UNKNOWN_STEPS_SECONDS
    return budget.amount + UNKNOWN_STARTUP_SECONDS


def smoke_run_cap(budget: Budget, usual: Usual | None) -> float:
    """Return the seconds that the start-up of a smoke run may take."""
    if usual is None:
        return UNKNOWN_STARTUP_SECONDS
    startup = usual.seconds
    if budget.unit == "s":
        startup = max(0.0, usual.seconds - budget.amount)
    return STARTUP_MARGIN * startup + STARTUP_SLACK_SECONDS
