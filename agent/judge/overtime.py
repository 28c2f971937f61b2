"""Whether a training took longer than the run's limit allows, or the machine was slow. Pure.

Where trainings end by themselves, more epochs are a better score: what takes much longer than the
baseline is not comparable with it. A busy machine takes longer, too. So nothing is over its limit
by one time alone: the incumbent is run beside it, and where that takes longer than it did before,
so may the candidate; a candidate that had ended is then timed once more itself. A limit that is a
duration is no comparison, and holds as it is.
"""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from agent.records.results import Result
from sandbox.ground.budget import Limit
from sandbox.ground.deadline import allowed_seconds

Verdict = Literal["within", "ask-incumbent", "ask-candidate", "over"]
PATIENCE = 4.0
"""An incumbent that is timed again may take so many times what the baseline takes."""


@dataclass(frozen=True)
class Clock:
    """What the times of a candidate's runs are held against, in seconds on one machine."""

    limit: Limit
    usual: float
    """What the baseline takes: the longest of its runs."""
    earlier: tuple[float, ...]
    """The incumbent's runs before."""
    beside: tuple[float, ...]
    """Its runs beside the candidate's."""

    @property
    def drift(self) -> float:
        """How many times slower than before the machine is now; at least 1."""
        if not self.beside or not self.earlier or self.limit.times is None:
            return 1.0
        return max(1.0, max(self.beside) / max(median(self.earlier), 1e-9))

    @property
    def allowed(self) -> float:
        """What the candidate may take."""
        return allowed_seconds(self.limit, self.usual) * self.drift


def judge_time(result: Result, clock: Clock) -> Verdict:
    """Return whether a candidate kept to its limit, or what is to be run to find out."""
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
    """Return how long a candidate trains: the shorter median of its runs.

    What was ended took at least so long.
    """
    if result.took is not None:
        return result.took
    times = sorted(score.seconds for score in result.own if score.seconds is not None)
    return times[(len(times) - 1) // 2] if times else None


def over_result(result: Result) -> Result:
    """Return the result of a candidate that is over its limit: its own scores do not count."""
    others = tuple(score for score in result.scores if score.role != "candidate")
    update = {"status": "over-limit", "scores": others, "took": time_of(result)}
    return result.model_copy(update=update)


def over_reason(result: Result, clock: Clock) -> str:
    """Return why a candidate is over its limit, with all times."""
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
