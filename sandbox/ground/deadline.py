"""Computes how long a training may take, from the time that the baseline took.

A budget in seconds allows the budget, the baseline's start-up (the time it took beyond the budget)
and 5 %. The length of a training's own start-up cannot be seen from outside, so a longer one counts
as training, and a shorter one leaves more time to train.

A budget in steps is a weaker promise: the time is bounded, but steps are not counted. If it was
observed when a training first opened its tokens, only the time from then on counts.

A limit is for trainings that take no budget: a multiple of the baseline's time, or a duration. It
applies without a budget, and if the baseline leaves most of its budget unused. A training is killed
some time after the limit; one that ends in between is judged by the time of the incumbent, run
beside it (agent/judge/overtime.py).
"""

from pydantic import Field

from sandbox.ground.answering import Answering
from sandbox.ground.budget import Budget, Limit
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
UNKNOWN_LIMIT_SECONDS = 6 * 3600.0
"""Allowed for a training that ends by itself, while nobody knows when."""
LATE_SECONDS = 1.0
"""How late a busy harness may end a training. What is found even later may have been written after
the deadline."""
USED = 0.5
"""The share of a budget in seconds that a training takes at least if it keeps to it: one that ends
earlier ends by itself."""
LEAST_SLACK_SECONDS = 0.2
"""The least that a limit allows beyond the baseline's longest run: starts of Python alone differ by
as much on a busy machine."""
GRACE = 0.5
"""How far behind its limit a training is ended, as a share of it, plus GRACE_SECONDS: a slow
machine may be to blame until then."""
GRACE_SECONDS = 2.0


class Usual(Record):
    """The time of the baseline's training on a machine, in seconds: its longest run."""

    seconds: float = Field(ge=0)
    stepping: float | None = Field(default=None, ge=0)
    """The longest time from opening the tokens to the end; None if that was not observed."""
    answering: Answering | None = None
    """The longest times of its answers while it was scored; None if nobody took them."""


def allowed_seconds(limit: Limit, usual: float) -> float:
    """Return the seconds that a limit allows if the baseline takes `usual` seconds."""
    if limit.times is None:
        return float(limit.duration or 0)
    return max(limit.times * usual, usual + LEAST_SLACK_SECONDS)


def is_limited(budget: Budget | None, limit: Limit | None, usual: Usual | None) -> bool:
    """Return whether the limit applies: without a budget, or if the baseline leaves most of it."""
    if limit is None or budget is None or usual is None:
        return budget is None
    return budget.unit == "s" and usual.seconds < USED * budget.amount


class Deadline(Record):
    """The deadline of a training, and whether one kept to its budget."""

    budget: Budget | None
    limit: Limit | None = None
    usual: Usual

    @property
    def in_seconds(self) -> bool:
        """Whether the budget is in seconds."""
        return self.budget is not None and self.budget.unit == "s" and not self.is_limited

    @property
    def is_limited(self) -> bool:
        """Whether the limit applies instead of the budget."""
        return is_limited(self.budget, self.limit, self.usual)

    @property
    def seconds(self) -> float:
        """Seconds from its start after which a training is killed."""
        if self.is_limited:
            return self.allowed * (1 + GRACE) + GRACE_SECONDS
        if self.in_seconds:
            margin = max(OVERSHOOT * self._amount, FLOOR_SECONDS)
            return self._amount + self._startup + margin
        stepping, _ = self._steps(opened=0.0)
        startup = STARTUP_MARGIN * (self.usual.seconds - stepping) + STARTUP_SLACK_SECONDS
        return startup + _margin(stepping)

    @property
    def allowed(self) -> float:
        """The seconds that a limit allows."""
        assert self.limit is not None, "a training without a budget has a limit"
        return allowed_seconds(self.limit, self.usual.seconds)

    def broken(self, seconds: float, opened: float | None, killed: bool) -> str:
        """Return why a training of `seconds` broke its budget, with both times; "" if it did not.

        opened: seconds after which it first opened its tokens (0 if never, None if not watched).
        killed: whether it was killed at the deadline. A limit is broken for certain only then.
        """
        if self.is_limited:
            late, took, allowed = self._judge_limit(seconds, killed)
        elif self.in_seconds:
            late, took, allowed = self._judge_seconds(seconds, killed)
        else:
            late, took, allowed = self._judge_steps(seconds, opened, killed)
        still = " and had not ended" if killed else ""
        return f"trained {took:.1f} s{still}, where {allowed}" if late else ""

    def scored_too_long(self, answering: Answering) -> str:
        """Return why a model may have learnt while it was scored; "" if it was fast enough."""
        if self.usual.answering is None:
            return ""
        training = self._amount if self.in_seconds else self.usual.seconds
        return answering.excess(self.usual.answering, training)

    def _judge_limit(self, seconds: float, killed: bool) -> tuple[bool, float, str]:
        allowed = (
            f"the baseline takes {self.usual.seconds:.1f} s and the limit of {self.limit} allows "
            f"{self.allowed:.1f} s"
        )
        return killed, seconds, allowed

    def _judge_seconds(self, seconds: float, killed: bool) -> tuple[bool, float, str]:
        allowed = (
            f"the budget of {self._amount} s and the baseline's start-up of "
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
            f"the baseline took {usual:.1f} s for {self._amount} steps{since}, which allows "
            f"{_margin(usual):.1f} s; "
            "what needs more time a step needs a budget in seconds (start --budget 5m)"
        )
        return killed or took > _margin(usual), took, allowed

    def _steps(self, opened: float | None) -> tuple[float, str]:
        """Return in words how long the baseline's steps took, and what that time includes."""
        if opened is None or self.usual.stepping is None:
            return self.usual.seconds, " and its start-up"
        return self.usual.stepping, ""

    @property
    def _amount(self) -> int:
        return self.budget.amount if self.budget else 0

    @property
    def _startup(self) -> float:
        return max(0.0, self.usual.seconds - self._amount)


def _margin(steps: float) -> float:
    return STEPS_MARGIN * steps + FLOOR_SECONDS


def unknown_cap(budget: Budget | None, limit: Limit | None = None) -> float:
    """Return the deadline in seconds while the baseline's time is unknown."""
    if budget is None and limit is not None and limit.duration is not None:
        return limit.duration * (1 + GRACE) + GRACE_SECONDS
    if budget is None:
        return UNKNOWN_LIMIT_SECONDS
    if budget.unit == "steps":
        return UNKNOWN_STEPS_SECONDS
    return budget.amount + UNKNOWN_STARTUP_SECONDS


def smoke_run_cap(budget: Budget | None, usual: Usual | None) -> float:
    """Return how many seconds the start-up of a smoke run may take."""
    if usual is None:
        return UNKNOWN_STARTUP_SECONDS
    startup = usual.seconds
    if budget is not None and budget.unit == "s":
        startup = max(0.0, usual.seconds - budget.amount)
    return STARTUP_MARGIN * startup + STARTUP_SLACK_SECONDS
