"""Finds signals in a trial's curve and facts: divergence, plateau, overfitting, slow steps."""

from itertools import pairwise

from agent.judge.pace import TOKEN_RATES
from agent.propose.views.goal import metric_name, worse_side
from agent.records.curves import Curve, held_loss_at
from agent.records.objective import Objective
from agent.records.results import Result, Trial

# Shares of the budget: before OPENING the loss falls steeply whatever the trial does, and the part
# after ENDING tells how the training ends.
OPENING = 0.1
ENDING = 0.7
LEAST_POINTS = 3
# Relative changes of the loss that are worth a remark; a curve's points are running means, so less
# is jitter.
DIVERGED = 0.1
SPIKE = 0.03
FLAT = 0.005
FALLING = 0.02
# Share of the incumbent's tokens per second.
SLOW = 0.9
# Share of the memory limit.
FULL = 0.85


def signals(
    trial: Trial, incumbent: Trial | None, memory_mb: float | None, objective: Objective
) -> tuple[str, ...]:
    """Return short remarks on a trial that ran, compared with the incumbent.

    memory_mb: what one trial may use.
    """
    result = trial.result
    if result is None:
        return ()
    remarks = _shape(result.curve) + _memory(result, memory_mb)
    if incumbent and incumbent.result and incumbent.number != trial.number:
        remarks += _speed(result, incumbent.result)
        remarks += _overfitting(result, incumbent.result, objective)
    return tuple(remarks)


def tokens_per_second(result: Result) -> float | None:
    """Return the speed that train.py printed, if it did."""
    for name in TOKEN_RATES:
        value = result.facts.get(name)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None


def _shape(curve: Curve) -> list[str]:
    later = [loss for fraction, loss in curve if fraction > OPENING]
    if len(later) < LEAST_POINTS:
        return []
    remarks = []
    last = later[-1]
    lowest = min(later)
    before = held_loss_at(curve, ENDING)
    fall = (before - last) / before if before else 0.0
    if last > lowest * (1 + DIVERGED):
        remarks.append(f"diverged: from {lowest:.3f} up to {last:.3f}")
    elif fall < FLAT:
        remarks.append(f"plateau: fell {max(fall, 0):.1%} in the last 30%")
    elif fall > FALLING:
        remarks.append(f"still falling at the end: {fall:.1%} in the last 30%")
    spikes = sum(after > loss * (1 + SPIKE) for loss, after in pairwise(later))
    if spikes:
        remarks.append(f"unstable: {spikes} spikes")
    return remarks


def _memory(result: Result, limit: float | None) -> list[str]:
    peak = result.peak_memory_mb
    if peak and limit and peak > FULL * limit:
        return [f"memory nearly full: {peak:.0f} of {limit:.0f} MB"]
    return []


def _speed(result: Result, incumbent: Result) -> list[str]:
    speed = tokens_per_second(result)
    usual = tokens_per_second(incumbent)
    if speed and usual and speed < SLOW * usual:
        return [f"slow steps: {speed / usual:.2f}x the incumbent's tokens/s"]
    return []


def _overfitting(result: Result, incumbent: Result, objective: Objective) -> list[str]:
    """Return a remark if the training loss is lower than the incumbent's, and the score worse."""
    if result.value is None or incumbent.value is None:
        return []
    if not result.curve or not incumbent.curve:
        return []
    lower_loss = result.curve[-1][1] < incumbent.curve[-1][1]
    if lower_loss and objective.sense.is_better(incumbent.value, result.value):
        score = f"{metric_name(objective)} {worse_side(objective)} it"
        return [f"overfitting: training loss below the incumbent's, {score}"]
    return []
