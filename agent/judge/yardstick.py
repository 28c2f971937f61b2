"""How long the baseline trains on this machine: what every other training's time is judged by. Pure."""

from collections.abc import Iterator, Sequence

from agent.records.results import KEPT, Result, Score, Trial
from sandbox.ground.deadline import Usual


def yardstick_of(trials: Sequence[Trial]) -> Trial | None:
    """The newest baseline whose code was new: the first one, or what a commit by hand made of train.py.

    A baseline that measures what was kept again is none: each keep could take a little longer than the one before.
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
    """What the runs of `yardstick` took on `machine` with `cores` cores; None where it has not run there.

    trials, under_way: where it was run again. cores: None for all of them.
    """
    later = [trial.result for trial in trials if trial.number > yardstick.number and trial.result]
    again = [
        score
        for result in (*later, *under_way)
        for score in result.scores
        if score.role == "baseline"
    ]
    here = [score for score in (*_own(yardstick), *again) if _is_here(score, machine, cores)]
    seconds = [score.seconds for score in here if score.seconds is not None]
    if not seconds:
        return None
    steps = [
        score.seconds - score.startup
        for score in here
        if score.seconds is not None and score.startup is not None
    ]
    return Usual(seconds=max(seconds), stepping=max(steps) if len(steps) == len(seconds) else None)


def _own(yardstick: Trial) -> Iterator[Score]:
    """Its own scores; those of an old branch, which do not say how long each run took, with the mean."""
    result = yardstick.result
    if result is None:
        return
    mean = result.seconds / max(1, len(result.scores))
    for score in result.own:
        yield score if score.seconds is not None else score.model_copy(update={"seconds": mean})


def _is_here(score: Score, machine: str, cores: int | None) -> bool:
    """Whether a run was made on this machine, with as many cores. Records of old branches may say neither."""
    same_share = None in (score.cores, cores) or score.cores == cores
    return score.machine in ("", machine) and same_share
