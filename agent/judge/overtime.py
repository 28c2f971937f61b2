"""Decides whether a training took longer than the run's limit allows, or the machine was slow.

If trainings end by themselves, more epochs give a better score: a candidate that takes much longer
than the baseline is not comparable with it. But a busy machine takes longer, too. So one slow run
is not enough: the incumbent is run beside it, and if that is slower than before, the candidate gets
more time by the same factor. A candidate that had ended is then timed a second time. A limit that
is a duration holds without any of this.
"""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from agent.records.results import Result
from sandbox.ground.budget import Budget, Limit
from sandbox.ground.deadline import Usual, allowed_seconds, is_limited

Verdict = Literal["within", "ask-incumbent", "ask-candidate", "over"]
PATIENCE = 4.0
"""Factor on the time limit of an incumbent that is timed again."""


@dataclass(frozen=True)
class Clock:
    """The times to judge a candidate's time by, in seconds on one machine."""

    limit: Limit
    usual: float
    """Of the baseline: its longest run."""
    earlier: tuple[float, ...]
    """Of the incumbent's earlier runs; () on a machine that is new to it."""
    beside: tuple[float, ...]
    """Of the incumbent's runs for this candidate."""

    @property
    def drift(self) -> float:
        """How many times slower than before the machine is now; at least 1."""
        before = median(self.earlier or (self.usual,))
        if not self.beside or not before or self.limit.times is None:
            return 1.0
        return max(1.0, max(self.beside) / before)

    @property
    def allowed(self) -> float:
        """Seconds that the candidate may take."""
        return allowed_seconds(self.limit, self.usual) * self.drift


def patient(usual: Usual | None, budget: Budget | None, limit: Limit | None) -> Usual | None:
    """Return the usual time for a run of kept code; under a limit, PATIENCE times as long."""
    if usual is None or not is_limited(budget, limit, usual):
        return usual
    return usual.model_copy(update={"seconds": usual.seconds * PATIENCE})


def judge_time(result: Result, clock: Clock) -> Verdict:
    """Return whether a candidate kept to its limit, or which run would show it."""
    took = time_of(result)
    if took is None or took <= clock.allowed:
        was_ended = result.status == "over-limit"
        return "ask-candidate" if was_ended and took is not None else "within"
    if clock.limit.times is None:
        return "over"
    if not clock.beside and result.recheck != "failed":
        return "ask-incumbent"
    if len(result.own) == 1:
        return "ask-candidate"
    return "over"


def time_of(result: Result) -> float | None:
    """Return a candidate's seconds of training: the lower median of its runs, or None.

    For a training that was ended at its deadline, the seconds until then.
    """
    if result.took is not None:
        return result.took
    times = sorted(score.seconds for score in result.own if score.seconds is not None)
    return times[(len(times) - 1) // 2] if times else None


def over_result(result: Result) -> Result:
    """Return the result of a candidate over its limit, without its own scores."""
    others = tuple(score for score in result.scores if score.role != "candidate")
    update = {"status": "over-limit", "scores": others, "took": time_of(result)}
    return result.model_copy(update=update)


def over_reason(result: Result, clock: Clock) -> str:
    """Return the reason for `over-limit`, with all times."""
    took = time_of(result) or 0.0
    ended = " and had not ended" if result.status == "over-limit" else ""
    if clock.limit.times is None:
        return f"trained {took:.1f} s{ended}, where the limit allows {clock.limit}"
    reason = (
        f"trained {took:.1f} s{ended}, where the baseline takes {clock.usual:.1f} s and "
        f"{clock.limit} of it allows {clock.allowed:.1f} s"
    )
    if clock.beside:
        now = max(clock.beside)
        before = f" (before: {median(clock.earlier):.1f} s)" if clock.earlier else ""
        reason += f"; the incumbent took {now:.1f} s beside it{before}"
    return reason
