"""How long a training may take on the harness's clock, by what the baseline took on the same machine. Pure.

A budget in seconds allows the budget, the baseline's start-up (all that its training took beyond the budget) and 5 %. Nothing
outside the training sees how long its own start-up was, so a longer one counts as training. A training with a shorter start-up
may train for the rest.

A budget in steps is the weaker promise: the time is bounded, the steps are not counted. Where it was seen when a training first
opened its tokens, only the time from there counts.
"""

from pydantic import Field

from sandbox.ground.budget import Budget
from sandbox.ground.record import Record

OVERSHOOT = 0.05
"""Of a budget in seconds."""
FLOOR_SECONDS = 1.0
"""The least that is allowed beside the baseline's longest run. Twelve starts of the bundled train.py on two cores at a load of
three lay 0.45 s apart (0.97 to 1.42 s), eleven beside more work 2.4 s (1.4 to 3.8 s); there it shortens itself."""
STEPS_MARGIN = 1.5
"""Of the time that the baseline needs for as many steps."""
STARTUP_MARGIN = 2.0
"""With a budget in steps a start-up trains nothing: it may take this many times the baseline's, and the slack beside it."""
STARTUP_SLACK_SECONDS = 20.0
UNKNOWN_STARTUP_SECONDS = 900.0
"""Before the baseline has shown what start-up (imports, compilation, data) costs here, this is all we know about it."""
UNKNOWN_STEPS_SECONDS = 3600.0
LATE_SECONDS = 1.0
"""A busy harness ends a training this much too late; what is found later still may have been written behind the deadline."""


class Usual(Record):
    """What training the baseline takes on this machine, in seconds: the longest of its runs.

    stepping: the longest time from opening the tokens to the end; None where that was not seen.
    """

    seconds: float = Field(ge=0)
    stepping: float | None = Field(default=None, ge=0)


class Deadline(Record):
    """When a training under `budget` is ended, and what counts as keeping to it."""

    budget: Budget
    usual: Usual

    @property
    def seconds(self) -> float:
        """When it is ended, from its start."""
        if self.budget.unit == "s":
            return (
                self.budget.amount
                + self._startup
                + max(OVERSHOOT * self.budget.amount, FLOOR_SECONDS)
            )
        stepping, _ = self._steps(opened=0.0)
        return (
            STARTUP_MARGIN * (self.usual.seconds - stepping)
            + STARTUP_SLACK_SECONDS
            + _margin(stepping)
        )

    def broken(self, seconds: float, opened: float | None, killed: bool) -> str:
        """Why a training of `seconds` did not keep to its budget, with both times; empty if it did.

        opened: seconds after which it first opened its tokens (0 if never), None where nobody watched. killed: at the deadline.
        """
        if self.budget.unit == "s":
            late, took, allowed = self._judge_seconds(seconds, killed)
        else:
            late, took, allowed = self._judge_steps(seconds, opened, killed)
        still = " and had not ended" if killed else ""
        return f"trained {took:.1f} s{still}, where {allowed}" if late else ""

    def _judge_seconds(self, seconds: float, killed: bool) -> tuple[bool, float, str]:
        allowed = (
            f"the budget of {self.budget.amount} s and the baseline's start-up of {self._startup:.1f} s allow "
            f"{self.seconds:.1f} s; a longer start-up counts as training"
        )
        return killed or seconds > self.seconds + LATE_SECONDS, seconds, allowed

    def _judge_steps(
        self, seconds: float, opened: float | None, killed: bool
    ) -> tuple[bool, float, str]:
        usual, since = self._steps(opened)
        took = seconds - (opened or 0.0)
        allowed = (
            f"the baseline took {usual:.1f} s for {self.budget.amount} steps{since}, which allows {_margin(usual):.1f} s; "
            "what needs more time a step needs a budget in seconds (start --budget 5m)"
        )
        return killed or took > _margin(usual), took, allowed

    def _steps(self, opened: float | None) -> tuple[float, str]:
        """How long the baseline's steps took, and in words since when."""
        if opened is None or self.usual.stepping is None:
            return self.usual.seconds, " and its start-up"
        return self.usual.stepping, ""

    @property
    def _startup(self) -> float:
        return max(0.0, self.usual.seconds - self.budget.amount)


def _margin(steps: float) -> float:
    return STEPS_MARGIN * steps + FLOOR_SECONDS


def unknown_cap(budget: Budget) -> float:
    """Seconds after which a training is ended where it is not known what the baseline takes."""
    return (
        UNKNOWN_STEPS_SECONDS if budget.unit == "steps" else budget.amount + UNKNOWN_STARTUP_SECONDS
    )


def smoke_run_cap(budget: Budget, usual: Usual | None) -> float:
    """Seconds that the start-up of a smoke run may take; it says nothing of a trial that is slower."""
    if usual is None or budget.unit == "steps":
        return (
            UNKNOWN_STARTUP_SECONDS
            if usual is None
            else STARTUP_MARGIN * usual.seconds + STARTUP_SLACK_SECONDS
        )
    return STARTUP_MARGIN * max(0.0, usual.seconds - budget.amount) + STARTUP_SLACK_SECONDS
