"""The state of suspect trials: waiting for a decision, approved, or rejected."""

from collections.abc import Sequence

from agent.judge.suspicion import Rejection, approved_by
from agent.records.results import Trial


def fate_of(number: int, trials: Sequence[Trial], rejections: Sequence[Rejection]) -> str:
    """Return one line about the suspect `number`."""
    for rejection in rejections:
        if rejection.number == number:
            because = f": {rejection.because}" if rejection.because else ""
            return f"rejected {rejection.at}{because}"
    for trial in trials:
        if approved_by(trial.proposal) == number:
            return f"approved: run again as #{trial.number}, {trial.status}"
    return f"waits for you: autoresearch approve {number}, or reject {number}"


def fates(trials: Sequence[Trial], rejections: Sequence[Rejection]) -> list[str]:
    """Return a line about each suspect of a run."""
    suspects = (trial.number for trial in trials if trial.status == "suspect")
    return [f"#{number} suspect, {fate_of(number, trials, rejections)}" for number in suspects]
