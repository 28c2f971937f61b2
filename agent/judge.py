"""Decides what a result is worth: pure functions from scores and the measured noise to a verdict."""

from collections.abc import Sequence
from statistics import stdev

from pydantic import Field, FiniteFloat

from agent.records import FAILED, Result, Status, Trial
from sandbox.record import Record

# A candidate runs once, and the incumbent's score carries noise too. With the noise taken from three baseline runs, two
# standard deviations keep about one of a hundred unchanged candidates, where keeping every improvement keeps four
# (tests/agent/test_judge.py simulates both).
KEEP_SIGMAS = 2.0


class Noise(Record):
    """Standard deviation of one run's score under different seeds, from `runs` repeats; None until two were measured."""

    sd: FiniteFloat | None = Field(default=None, ge=0)
    runs: int = 0

    @property
    def margin(self) -> float:
        """How much better than the incumbent (in bits per byte) a score must be to be kept."""
        return KEEP_SIGMAS * self.sd if self.sd is not None else 0.0

    def __str__(self) -> str:
        return f"±{self.sd:.6f} (sd of {self.runs} runs)" if self.sd is not None else "not measured"


class Verdict(Record):
    """What the judge decided about a result, and why in one line."""

    status: Status
    reason: str
    delta: FiniteFloat | None = None


def noise_of(trials: Sequence[Trial]) -> Noise:
    """The noise that the newest baseline's repeats show."""
    for trial in reversed(trials):
        if trial.status == "baseline" and trial.result:
            return noise_among(trial.result)
    return Noise()


def incumbent_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose tree is the branch's tip: the newest keep or baseline."""
    return next((trial for trial in reversed(trials) if trial.status in ("keep", "baseline")), None)


def judge(result: Result, incumbent: float | None, noise: Noise) -> Verdict:
    """Judge a result against the incumbent's score (None: this is the baseline that everything else is compared with)."""
    if result.status in FAILED:
        return Verdict(status=result.status, reason=result.detail)
    value = result.value
    assert value is not None
    if incumbent is None:
        return Verdict(status="baseline", reason=f"noise {noise_among(result)}")
    delta = value - incumbent
    if delta < -noise.margin:
        return Verdict(status="keep", delta=delta, reason=f"better by {-delta:.6f}, more than the margin {noise.margin:.6f}")
    if delta < 0:
        return Verdict(status="discard", delta=delta, reason=f"better by {-delta:.6f}, within the margin {noise.margin:.6f}")
    return Verdict(status="discard", delta=delta, reason=f"not better ({delta:+.6f})")


def noise_among(result: Result) -> Noise:
    """The noise among the scores of one result."""
    values = [score.value for score in result.scores]
    return Noise(sd=stdev(values), runs=len(values)) if len(values) > 1 else Noise(runs=len(values))
