"""What has become of suspect trials: waiting for a decision, approved, or rejected."""

from collections.abc import Sequence

from agent.judge.suspicion import Rejection, approved_by
from agent.records.results import Trial


def fate_of(number: int, trials: Sequence[Trial], rejections: Sequence[Rejection]) -> str:
    """One line on the suspect `number`."""
    for rejection in rejections:
        if rejection.number == number:
            return f"rejected {rejection.at}" + (
                f": {rejection.because}" if rejection.because else ""
            )
    for trial in trials:
        if approved_by(trial.proposal) == number:
            return f"approved: tried again as #{trial.number}, {trial.status}"
    return f"waits for you: autoresearch approve {number}, or reject {number}"


def fates(trials: Sequence[Trial], rejections: Sequence[Rejection]) -> list[str]:
    """A line on each suspect of a run."""
    suspects = (trial.number for trial in trials if trial.status == "suspect")
    return [f"#{number} suspect, {fate_of(number, trials, rejections)}" for number in suspects]
