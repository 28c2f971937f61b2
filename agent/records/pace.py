"""Computes the times of a run: training, elapsed time, and trials an hour."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from agent.records.results import Result, Trial
from sandbox.ground.record import Record

PAUSE_SECONDS = 900.0
"""A longer time without any training, proposals aside, is no work: nobody had resumed the run."""
STAMP_SECONDS = 1.0
"""The time of a verdict is cut to whole seconds."""


class Pace(Record):
    """The time that a run took."""

    trained: int
    """Trials that were trained here."""
    training: float
    """Seconds of training, over all trials and seeds."""
    elapsed: float | None
    """Seconds from the first training to the last verdict, without the pauses between sessions;
    None before the first. Less than `training` only where several trained at once."""

    @property
    def per_hour(self) -> float | None:
        """Return trained trials an hour; None before the second."""
        if self.trained < 2 or not self.elapsed:
            return None
        return self.trained * 3600 / self.elapsed


def pace_of(trials: Sequence[Trial]) -> Pace:
    """Return how long these trials took."""
    trained = [trial for trial in trials if trial.result]
    spans = sorted(_span(trial) for trial in trained if trial.at)
    elapsed = None
    if spans:
        pauses = sum(_pauses(spans))
        elapsed = round(max(end for _, end, _ in spans) - spans[0][0] - pauses, 2)
    return Pace(
        trained=len(trained),
        training=round(sum(trial.result.seconds for trial in trained if trial.result), 2),
        elapsed=elapsed,
    )


def seconds_of(trial: Trial) -> float:
    """Return how many seconds a trial took: its question, its trainings and its scoring."""
    seconds = trial.proposal.by.seconds
    if trial.result:
        seconds += trial.result.seconds + trial.result.score_seconds
    return seconds


def _span(trial: Trial) -> tuple[float, float, float]:
    """Return the start of a trial's training, its verdict's time, and its proposal's seconds."""
    assert trial.result
    end = datetime.fromisoformat(trial.at).timestamp()
    start = end - _one_after_another(trial.result) - trial.result.score_seconds
    return start, end + STAMP_SECONDS, trial.proposal.by.seconds


def _one_after_another(result: Result) -> float:
    """Return the seconds of training that cannot have been at once, as on several machines."""
    by_machine: dict[str, float] = {}
    for score in result.scores:
        by_machine[score.machine] = by_machine.get(score.machine, 0.0) + (score.seconds or 0.0)
    at_once = sum(by_machine.values()) - max(by_machine.values(), default=0.0)
    return max(0.0, result.seconds - at_once)


def _pauses(spans: Sequence[tuple[float, float, float]]) -> list[float]:
    """Return the pauses between spans, which are in the order in which they began."""
    pauses = []
    last = spans[0][1]
    for before, after in pairwise(spans):
        last = max(last, before[1])
        gap = after[0] - last - after[2]
        if gap > PAUSE_SECONDS:
            pauses.append(gap)
    return pauses
