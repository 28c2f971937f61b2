"""Explains why a training failed, and quotes the score that it had printed before."""

import time
from pathlib import Path
from typing import Literal

from sandbox.ground.outcome import Crashed, LimitExceeded, Outcome, OutOfMemory, TimedOut
from sandbox.ground.text import last_words
from sandbox.score.metric import Metric, Reading
from sandbox.score.reading import read_metric

Status = Literal["crash", "oom", "timeout", "invalid", "over-limit"]

STILL_PRINTING_SECONDS = 5.0
"""A run that was killed so soon after it last printed something had not come to its end."""


def failure(outcome: Outcome, log: Path, metric: Metric | None) -> tuple[Status, str]:
    """Return the status of a training that did not end well, and why.

    metric: the metric that it prints; None if the harness scores. A score that was printed before a
    failure is quoted, but does not count.
    """
    status, reason = _reason(outcome, log)
    line = _score_line(log, metric)
    if not line:
        return status, reason
    return status, f'it printed "{line}", but {_instead(outcome, log, line, reason)}'


def with_score(reason: str, outcome: Outcome, log: Path, metric: Metric | None) -> str:
    """Return a reason for the end of a killed run, with the score that it had printed, if any."""
    line = _score_line(log, metric) if isinstance(outcome, TimedOut) else ""
    if not line:
        return reason
    return f'{reason}; it had printed "{line}", but {_killed(outcome, log)}'


def ended_in_silence(seconds: float, silence: float, log: Path, metric: Metric) -> str:
    """Return the reason for ending a run that had printed its score and did not exit."""
    return (
        f'it printed "{_score_line(log, metric)}", but did not exit: '
        f"nothing more came for {silence:.0f} s, and it was ended after {seconds:.0f} s"
    )


def _reason(outcome: Outcome, log: Path) -> tuple[Status, str]:
    match outcome:
        case OutOfMemory():
            return "oom", f"out of memory in training: {outcome.evidence}"
        case TimedOut():
            return "timeout", f"training was killed after {outcome.usage.seconds:.0f} s"
        case LimitExceeded():
            return "crash", f"training was killed at its {outcome.limit} limit"
        case Crashed(signal=int(signal)):
            return "crash", f"died of signal {signal}: {last_words(log)}"
        case _:
            return "crash", last_words(log) or "exited with an error and printed nothing"


def _instead(outcome: Outcome, log: Path, line: str, reason: str) -> str:
    """Return how a run ended that printed its score and then failed."""
    if isinstance(outcome, TimedOut):
        return _killed(outcome, log)
    if not isinstance(outcome, Crashed):
        return f"it failed: {reason}"
    words = last_words(log)
    error = "" if words == line else f": {words}"
    if outcome.signal is not None:
        return f"died of signal {outcome.signal}{error}"
    return f"exited with status {outcome.exit_code}{error}"


def _killed(outcome: Outcome, log: Path) -> str:
    """Return whether a run that was killed was still at work, by what it printed last."""
    seconds = outcome.usage.seconds
    silence = time.time() - log.stat().st_mtime
    if silence < min(STILL_PRINTING_SECONDS, seconds / 2):
        return f"was not done when it was killed after {seconds:.0f} s"
    return f"did not exit: nothing more came for {silence:.0f} s until it was killed"


def _score_line(log: Path, metric: Metric | None) -> str:
    """Return the line with the score; "" without one."""
    reading = read_metric(log, metric) if metric else None
    return reading.line if isinstance(reading, Reading) else ""
