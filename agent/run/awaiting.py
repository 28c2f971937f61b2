"""Finds the trials that wait for a person's decision: suspects and held ones."""

from agent.errors import UsageFault
from agent.history.history import History
from agent.judge.suspicion import approved_by
from agent.records.results import Trial


def awaiting(history: History, number: int) -> Trial:
    """Return the trial `number`. Raise UsageFault unless it waits for a person's decision."""
    show = f"autoresearch show {number}"
    trial = next((trial for trial in history.trials if trial.number == number), None)
    if trial is None:
        raise UsageFault(f"#{number} has no verdict in {history.branch}.", "autoresearch log")
    if trial.status not in ("suspect", "held"):
        raise UsageFault(
            f"#{number} is neither suspect nor held; its verdict is {trial.status}.", show
        )
    if any(rejection.number == number for rejection in history.rejections):
        raise UsageFault(f"#{number} is already rejected.", show)
    for attempt in history.in_flight:
        if approved_by(attempt.proposal) == number:
            raise UsageFault(f"#{number} is already approved; #{attempt.number} repeats it.", show)
    for other in history.trials:
        if approved_by(other.proposal) == number:
            raise UsageFault(
                f"#{number} is already approved; #{other.number} repeated it, with the verdict "
                f"{other.status}.",
                f"autoresearch show {other.number}",
            )
    return trial
