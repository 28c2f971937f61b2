"""Which trainings are given up before their end: pure functions from curves to a reason, or to none.

After the median rule (Golovin et al. 2017, Google Vizier, section 3.2.2), on training losses at fixed fractions of the budget,
and with a margin: a training is given up whose loss is above the median by more than the best is below it. The plain rule gives
up half of everything, and a method that tries what is alike loses by it. Nothing is looked at before a third of the budget is
spent, nor before five trials ended. Where schedules make curves cross, what looks hopeless half way may win: `python -m
benchmarks.pruning` says when this pays. `--prune off` is the default.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from agent.records.results import KEPT, SCORED, Trial, on_newest_data

PruneRule = Literal["off", "median"]
Curve = Sequence[tuple[float, float]]
"""Points (fraction of the budget in 0..1, training loss), fractions rising."""

CHECKPOINTS = (0.35, 0.5, 0.65, 0.8)
# Later than this there is too little left to be saved.
LATEST = 0.9
LEAST = 5
# How far above the median is hopeless: in distances from the best to the median.
MARGIN = 1.0


def hopeless(curve: Curve, rivals: Sequence[Curve]) -> str | None:
    """Why a training with this curve so far is not worth the rest of its budget; None while it may be."""
    for checkpoint in CHECKPOINTS:
        loss, theirs = loss_at(curve, checkpoint), _losses_at(rivals, checkpoint)
        if loss is None or len(theirs) < LEAST:
            continue
        middle, best = median(theirs), min(theirs)
        if loss > middle + MARGIN * (middle - best):
            others = (
                f"the median of {len(theirs)} earlier trials is {middle:.4f}, the best {best:.4f}"
            )
            return f"given up at {curve[-1][0]:.0%} of the budget: loss {loss:.4f} at {checkpoint:.0%}, where {others}"
    return None


def passed(fraction: float) -> int:
    """How many checkpoints lie at or before `fraction` of the budget."""
    return sum(fraction >= checkpoint for checkpoint in CHECKPOINTS)


def rivals_of(trials: Sequence[Trial], proposal: Proposal) -> tuple[Curve, ...]:
    """The curves that a training of `proposal` may be given up against; none before LEAST of their trials were scored.

    Only constants against constants: what new code prints as its loss may be another loss. So an edit of code is never given up,
    and after one was kept the comparison begins anew. The curves of what was given up count as far as they go: without them the
    median would be that of survivors, and ever harder to reach.
    """
    alike: list[Trial] = []
    for trial in on_newest_data(trials):
        if _only_constants(trial.proposal):
            alike.append(trial)
        elif trial.status in KEPT:
            alike = [trial]
    curved = [trial for trial in alike if trial.status in SCORED or trial.status == "pruned"]
    enough = sum(trial.status in SCORED for trial in curved) >= LEAST
    return tuple(_curves(curved)) if enough and _only_constants(proposal) else ()


def loss_at(curve: Curve, fraction: float) -> float | None:
    """The loss at `fraction` of the budget, between two points; None outside of the curve."""
    for (left, before), (right, after) in pairwise(curve):
        if left <= fraction <= right:
            return (
                before + (after - before) * (fraction - left) / (right - left)
                if right > left
                else after
            )
    return next((loss for at, loss in curve if at == fraction), None)


def _losses_at(curves: Sequence[Curve], fraction: float) -> list[float]:
    return [loss for curve in curves if (loss := loss_at(curve, fraction)) is not None]


def _curves(trials: Sequence[Trial]) -> Iterator[Curve]:
    return (trial.result.curve for trial in trials if trial.result and trial.result.curve)


def _only_constants(proposal: Proposal) -> bool:
    """True for a proposal that sets constants; the baseline, which edits nothing, is the code that they are set in."""
    return bool(proposal.edits) and all(isinstance(edit, SetConstant) for edit in proposal.edits)
