"""Tests whether a run's target is reached: a one-sided test of the mean under fresh seeds.

A score that led to a keep is lucky on average. So the target is tested by other runs, under seeds
that had no part in the verdict. A baseline's own runs count, since it was not chosen by them.
"""

from collections.abc import Sequence
from statistics import fmean

from agent.judge.guards import half_width
from agent.judge.noise import Noise
from agent.records.objective import Sense
from agent.records.target import TargetResult

LEAST_FRESH = 3
MOST_FRESH = 8
"""The most fresh runs of one attempt; if they do not decide, it is close to the target."""


def proof_of(
    values: Sequence[float], target: float, sense: Sense, noise: Noise, exact: bool
) -> TargetResult:
    """Return the result of the test.

    values: scores of the attempt under fresh seeds. noise: the run's, whose scatter between seeds
    is used. exact: equal code gives equal results, so that one run decides.
    """
    losses = [sense.loss(value) for value in values]
    mean = fmean(losses)
    between = Noise(sd=noise.seeds, degrees=max(0, noise.runs - 1))
    half = 0.0 if exact else half_width(losses, between)
    bound = None if half is None else mean + half
    return TargetResult(
        target=target,
        reached=bound is not None and bound <= sense.loss(target),
        value=sense.value(mean),
        bound=None if bound is None else sense.value(bound),
        runs=len(values),
    )


def needs_more(proof: TargetResult, sense: Sense) -> bool:
    """Return whether another fresh run may still prove the target."""
    if proof.reached or proof.runs >= MOST_FRESH:
        return False
    return proof.runs < LEAST_FRESH or not sense.is_better(proof.target, proof.value)
