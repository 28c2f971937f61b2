"""Whether runs under fresh seeds prove a run's target: a one-sided test of their mean.

A score that led to a keep is a lucky one on average. The runs that prove a target are others, under
seeds that nobody has seen the attempt's score under; only a baseline's own runs count, for nobody
chose it by them.
"""

from collections.abc import Sequence
from statistics import fmean

from agent.judge.guards import half_width
from agent.judge.noise import Noise
from agent.records.objective import Sense
from agent.records.target import TargetResult

LEAST_FRESH = 3
MOST_FRESH = 8
"""Fresh runs of one attempt: where they are not enough, it is not far beyond the target."""


def proof_of(
    values: Sequence[float], target: float, sense: Sense, noise: Noise, exact: bool
) -> TargetResult:
    """Return what runs of an attempt prove; values: their scores.

    noise: the run's; between seeds. exact: one run says all.
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
