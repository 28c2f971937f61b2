"""Describes scores: which way is better, who computed them, and the best one's gain."""

from collections.abc import Sequence

from agent.display.format import Formatter
from agent.records.objective import VAL_BPB
from agent.records.results import ScoreKind, Trial

WORDS: dict[ScoreKind, str] = {
    "sealed": "sealed: computed by the harness",
    "evaluated": "sealed by the project's evaluator",
    "self-reported": "self-reported: as the run itself prints it",
}


def kinds_of(trials: Sequence[Trial]) -> tuple[ScoreKind, ...]:
    """Return who computed the scores of these trials; the least trustworthy is last."""
    present: set[ScoreKind] = set()
    for trial in trials:
        if trial.result:
            present.update(score.kind for score in trial.result.scores)
    return tuple(kind for kind in WORDS if kind in present)


def about_scores(trials: Sequence[Trial], formatter: Formatter) -> str:
    """Return `accuracy, higher is better; self-reported: as the run itself prints it`.

    Empty for sealed val_bpb, which every reader expects.
    """
    kinds = kinds_of(trials)
    objective = formatter.objective
    usual = objective.metric == VAL_BPB.metric and objective.sense == VAL_BPB.sense
    if usual and kinds in ((), ("sealed",)):
        return ""
    words = [WORDS[kind] for kind in kinds]
    return "; ".join([f"{formatter.metric}, {objective.better}", *words])


def axis_title(trials: Sequence[Trial], formatter: Formatter, so_far: bool = False) -> str:
    """Return `accuracy, higher is better, self-reported`, the title of an axis of scores.

    so_far: it shows the best score up to each time.
    """
    name = f"best {formatter.metric} so far" if so_far else formatter.metric
    title = f"{name}, {formatter.objective.better}"
    return f"{title}, self-reported" if "self-reported" in kinds_of(trials) else title


def gain_text(best: Trial, baseline: Trial, formatter: Formatter) -> str:
    """Return `+0.031000 (+3.82%)`: the difference of the best one from the baseline.

    Empty if one of them has no score, or none that is on the metric's scale.
    """
    size = gain_of(best, baseline, formatter)
    if size is None:
        return ""
    share = share_of(best, baseline, formatter)
    text = formatter.change(-size)
    return text if share is None else f"{text} ({share:+.2%})"


def gain_of(best: Trial | None, baseline: Trial | None, formatter: Formatter) -> float | None:
    """Return the baseline's loss minus the loss of the best one; None without both."""
    if best is None or baseline is None or best.value is None or baseline.value is None:
        return None
    sense = formatter.objective.sense
    if not (sense.has(best.value) and sense.has(baseline.value)):
        return None
    return sense.loss(baseline.value) - sense.loss(best.value)


def share_of(best: Trial, baseline: Trial, formatter: Formatter) -> float | None:
    """Return the change as a share of the baseline's score.

    None for a baseline of 0, and on a scale on which changes are shares already.
    """
    if not baseline.value or best.value is None or formatter.objective.scale == "log":
        return None
    return (best.value - baseline.value) / abs(baseline.value)
