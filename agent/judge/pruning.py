"""Decides by its loss curve whether a training is pruned, that is, stopped before its end.

This is the median rule (Golovin et al. 2017, Google Vizier, section 3.2.2) on training losses at
fixed fractions of the budget, with a margin: a training is pruned if its loss is above the median
by more than the best is below it. The plain rule prunes half of all trainings, which costs a method
whose trials are alike. Nothing is pruned in the first third of the budget, nor before five trials
have ended. Where schedules make curves cross, a training that is behind half way may win:
`python -m benchmarks.pruning` shows when pruning pays. `--prune off` is the default.
"""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

from agent.records.curves import Curve, loss_at
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from agent.records.results import KEPT, SCORED, Trial, on_newest_data

PruneRule = Literal["off", "median"]
CHECKPOINTS = (0.35, 0.5, 0.65, 0.8)
# After this share of the budget, pruning would save too little.
LATEST = 0.9
LEAST = 5
# How far above the median a loss is hopeless, in distances from the best to the median.
MARGIN = 1.0


def hopeless(curve: Curve, rivals: Sequence[Curve]) -> str | None:
    """Return why a training with this curve so far is to be pruned; None if it goes on."""
    for checkpoint in CHECKPOINTS:
        loss = loss_at(curve, checkpoint)
        others = _losses_at(rivals, checkpoint)
        if loss is None or len(others) < LEAST:
            continue
        middle = median(others)
        best = min(others)
        if loss > middle + MARGIN * (middle - best):
            return (
                f"pruned at {curve[-1][0]:.0%} of the budget: loss {loss:.4f} at {checkpoint:.0%}, "
                f"where the median of {len(others)} earlier trials is {middle:.4f}, "
                f"the best {best:.4f}"
            )
    return None


def passed(fraction: float) -> int:
    """Return how many checkpoints lie at or before `fraction` of the budget."""
    return sum(fraction >= checkpoint for checkpoint in CHECKPOINTS)


def rivals_of(
    trials: Sequence[Trial],
    proposal: Proposal,
    is_alike: Callable[[str], bool] = bool,
) -> tuple[Curve, ...]:
    """Return the curves that a training of `proposal` is compared with; () for none.

    is_alike: returns whether a machine, given by name, compares with the one that trains. There are
    no curves before LEAST trials were scored. Only edits of constants are compared with each other,
    since new code may print another loss: an edit of code is never pruned, and once one is kept the
    comparison begins anew. Pruned trials are included as far as their curves go; without them the
    median would be that of the survivors, and ever harder to reach.
    """
    if not _only_constants(proposal):
        return ()
    alike: list[Trial] = []
    for trial in on_newest_data(trials):
        places = trial.result.places if trial.result else ()
        if not all(map(is_alike, places)):
            continue
        if _only_constants(trial.proposal):
            alike.append(trial)
        elif trial.status in KEPT:
            alike = [trial]
    if sum(trial.status in SCORED for trial in alike) < LEAST:
        return ()
    curves = []
    for trial in alike:
        has_curve = trial.status in SCORED or trial.status == "pruned"
        if has_curve and trial.result and trial.result.curve:
            curves.append(trial.result.curve)
    return tuple(curves)


def _losses_at(curves: Sequence[Curve], fraction: float) -> list[float]:
    losses = (loss_at(curve, fraction) for curve in curves)
    return [loss for loss in losses if loss is not None]


def _only_constants(proposal: Proposal) -> bool:
    """Return whether a proposal has edits, and all of them set constants."""
    return bool(proposal.edits) and all(isinstance(edit, SetConstant) for edit in proposal.edits)
