"""The state of suspect and held trials: waiting for a decision, approved, or rejected."""

from collections.abc import Sequence

from agent.judge.suspicion import Rejection, approved_by
from agent.records.results import Trial

AWAITING = frozenset({"suspect", "held"})
"""Statuses of trials that wait for a decision."""


def fate_of(number: int, trials: Sequence[Trial], rejections: Sequence[Rejection]) -> str:
    """Return one line about the suspect or held trial `number`."""
    for rejection in rejections:
        if rejection.number == number:
            because = f": {rejection.because}" if rejection.because else ""
            return f"rejected {rejection.at}{because}"
    for trial in trials:
        if approved_by(trial.proposal) == number:
            return f"approved: run again as #{trial.number}, {trial.status}"
    return f"waits for you: autoresearch approve {number}, or reject {number}"


def fates(trials: Sequence[Trial], rejections: Sequence[Rejection]) -> list[str]:
    """Return a line about each suspect or held trial of a run."""
    return [
        f"#{trial.number} {trial.status}, {fate_of(trial.number, trials, rejections)}"
        for trial in trials
        if trial.status in AWAITING
    ]
