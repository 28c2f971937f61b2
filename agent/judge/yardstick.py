"""Measures how long the baseline trains on a machine, by which other trainings are timed."""

from collections.abc import Iterator, Sequence

from agent.records.results import KEPT, Result, Score, Trial
from sandbox.ground.answering import Answering
from sandbox.ground.deadline import Usual


def yardstick_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the newest baseline of new code: the first one, or one after a commit by hand.

    A baseline that measures kept code again does not count. Otherwise each keep could take a little
    longer than the one before.
    """
    yardstick: Trial | None = None
    kept: str | None = None
    for trial in trials:
        if trial.status == "baseline" and trial.fingerprint != kept:
            yardstick = trial
        if trial.status in KEPT:
            kept = trial.fingerprint
    return yardstick


def usual_of(
    yardstick: Trial,
    trials: Sequence[Trial],
    under_way: Sequence[Result],
    machine: str,
    cores: int | None,
) -> Usual | None:
    """Return how long the runs of `yardstick` took on `machine`; None if it has not run there.

    trials, under_way: where further runs of it are recorded. cores: cores of a run, None for all.
    """
    later = [trial.result for trial in trials if _may_time(trial, yardstick)]
    scores = list(_own(yardstick))
    for result in (*later, *under_way):
        if result:
            scores += [score for score in result.scores if score.role == "baseline"]
    here = [score for score in scores if _is_here(score, machine, cores)]
    seconds = [score.seconds for score in here if score.seconds is not None]
    if not seconds:
        return None
    stepping = [
        score.seconds - score.startup
        for score in here
        if score.seconds is not None and score.startup is not None
    ]
    watched = len(stepping) == len(seconds)
    return Usual(
        seconds=max(seconds),
        stepping=max(stepping) if watched else None,
        answering=Answering.slowest(score.answering for score in here),
    )


def _may_time(trial: Trial, yardstick: Trial) -> bool:
    """Return whether the baseline runs recorded with `trial` are of the yardstick.

    Those of a later baseline are not: they are of its own code, on other machines.
    """
    return trial.number == yardstick.number or (
        trial.number > yardstick.number and trial.status != "baseline"
    )


def _own(yardstick: Trial) -> Iterator[Score]:
    """Yield the yardstick's own scores.

    Old branches lack the seconds of a run; there their mean is filled in.
    """
    result = yardstick.result
    if result is None:
        return
    mean = result.seconds / max(1, len(result.scores))
    for score in result.own:
        yield score if score.seconds is not None else score.model_copy(update={"seconds": mean})


def _is_here(score: Score, machine: str, cores: int | None) -> bool:
    """Return whether a run was made on `machine` with as many cores.

    Old records may lack either, and then count.
    """
    same_share = None in (score.cores, cores) or score.cores == cores
    return score.machine in ("", machine) and same_share
