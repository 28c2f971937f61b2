"""What a trial's curve and facts say, computed: diverged, plateau, still falling, overfitting, slow steps, memory head-room."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from agent.records.results import Result, Trial

Curve = Sequence[tuple[float, float]]

# Of the budget: the first losses fall steeply whatever the trial does, and the end is where a curve tells something.
OPENING, ENDING = 0.1, 0.7
# Relative changes of the loss from which on a word is due; a curve's points are running means, so that less is jitter.
DIVERGED, SPIKE, FLAT, FALLING = 0.1, 0.03, 0.005, 0.02
# Of the incumbent's tokens a second.
SLOW = 0.9
# Of the memory limit.
FULL = 0.85


def signals(trial: Trial, incumbent: Trial | None, memory_mb: float | None) -> tuple[str, ...]:
    """Short remarks on a trial that ran, beside the incumbent; memory_mb: what one trial may use. Empty where all is as usual."""
    if trial.result is None:
        return ()
    other = incumbent.result if incumbent and incumbent.number != trial.number else None
    said = [*_shape(trial.result.curve), *_memory(trial.result, memory_mb)]
    if other:
        said += [*_speed(trial.result, other), *_overfitting(trial.result, other)]
    return tuple(said)


def loss_at(curve: Curve, fraction: float) -> float:
    """The loss of the last point up to `fraction` of the budget; of the first one before it."""
    return next((loss for at, loss in reversed(curve) if at <= fraction), curve[0][1])


def tokens_per_second(result: Result) -> float | None:
    """As train.py says, under the names that ours and upstream's give it; None where it does not."""
    for name in ("tokens_per_second", "tok_per_sec", "tokens_per_sec"):
        value = result.facts.get(name)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None


def _shape(curve: Curve) -> Iterator[str]:
    later = [loss for at, loss in curve if at > OPENING]
    if len(later) < 3:
        return
    last, lowest, before = later[-1], min(later), loss_at(curve, ENDING)
    fall = (before - last) / before if before else 0.0
    if last > lowest * (1 + DIVERGED):
        yield f"diverged: from {lowest:.3f} up to {last:.3f}"
    elif fall < FLAT:
        yield f"plateau: fell {max(fall, 0):.1%} in the last 30%"
    elif fall > FALLING:
        yield f"still falling at the end: {fall:.1%} in the last 30%"
    spikes = sum(after > loss * (1 + SPIKE) for loss, after in pairwise(later))
    if spikes:
        yield f"unstable: {spikes} spikes"


def _memory(result: Result, limit: float | None) -> Iterator[str]:
    peak = result.peak_memory_mb
    if peak and limit and peak > FULL * limit:
        yield f"memory nearly full: {peak:.0f} of {limit:.0f} MB"


def _speed(result: Result, other: Result) -> Iterator[str]:
    mine, theirs = tokens_per_second(result), tokens_per_second(other)
    if mine and theirs and mine < SLOW * theirs:
        yield f"slow steps: {mine / theirs:.2f}x the incumbent's tokens/s"


def _overfitting(result: Result, other: Result) -> Iterator[str]:
    """Both losses are nats a token of the same training data, so that they compare; the scores say whether it helped."""
    if result.value is None or other.value is None or not result.curve or not other.curve:
        return
    if result.curve[-1][1] < other.curve[-1][1] and result.value > other.value:
        yield "overfitting: training loss below the incumbent's, val_bpb above it"
