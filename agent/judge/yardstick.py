"""How long the baseline trains on this machine: the yardstick for every other training's time."""

from collections.abc import Iterator, Sequence

from agent.records.results import KEPT, Result, Score, Trial
from sandbox.ground.deadline import Usual


def yardstick_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the newest baseline whose code was new: the first one, or one after a commit by hand.

    A baseline that measures what was kept again does not count: otherwise each keep could take a
    little longer than the one before.
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
    """Return how long the runs of `yardstick` took on `machine`; None where it has not run there.

    trials, under_way: where it was run again. cores: how many a run has, None for all of them.
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
    return Usual(seconds=max(seconds), stepping=max(stepping) if watched else None)


def _may_time(trial: Trial, yardstick: Trial) -> bool:
    """Return whether runs of a baseline that `trial` has are of the yardstick.

    A later baseline has runs of its own code on other machines.
    """
    return trial.number == yardstick.number or (
        trial.number > yardstick.number and trial.status != "baseline"
    )


def _own(yardstick: Trial) -> Iterator[Score]:
    """Yield its own scores; on an old branch, which lacks the seconds of a run, with their mean."""
    result = yardstick.result
    if result is None:
        return
    mean = result.seconds / max(1, len(result.scores))
    for score in result.own:
        yield score if score.seconds is not None else score.model_copy(update={"seconds": mean})


def _is_here(score: Score, machine: str, cores: int | None) -> bool:
    """Return whether a run was made here with as many cores; old records may say neither."""
    same_share = None in (score.cores, cores) or score.cores == cores
    return score.machine in ("", machine) and same_share
