"""The smallest gain that the judge tells from noise, by the seed pairs that it may train."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

from pydantic import FiniteFloat

from agent.judge.decide import SOBER, Case, Rule, decide
from agent.judge.decision import Keep
from agent.judge.noise import Noise
from sandbox.ground.record import Record

PAIRS = (1, 3, 6)
POWER = 0.8
"""How often a gain of this size is told apart."""
LEARNT = SOBER
"""Degrees of freedom that a night has learnt its noise from: the judge is stricter before."""
LARGER = 0.7
"""By how much the larger of two variances is above 1, of one degree of freedom."""
_STEPS = 50
_FAR = 64.0
"""In tau: the judge keeps every gain of this size."""


class Resolution(Record):
    """What so many pairs can show."""

    pairs: int
    gain: FiniteFloat
    """A difference of losses, without its sign: smaller gains are more often missed than not."""
    trainings: int
    """At most: of the candidate, and of the incumbent under the same seeds."""


def resolutions(
    tau: float, rule: Rule, counts: Sequence[int] = PAIRS, degrees: int = LEARNT
) -> tuple[Resolution, ...]:
    """Return the smallest gain for each number of pairs, where paired differences scatter by tau.

    The one that `decide` keeps, and a margin with which it is met POWER of the time.
    """
    found = []
    for count in counts:
        noise = Noise(sd=tau, degrees=degrees)
        least = _least_kept(noise, rule, count) * tau
        margin = NormalDist().inv_cdf(POWER) * tau / sqrt(count)
        trainings = 1 if count == 1 else 2 * count
        found.append(Resolution(pairs=count, gain=least + margin, trainings=trainings))
    return tuple(found)


def _least_kept(noise: Noise, rule: Rule, count: int) -> float:
    """Return the smallest mean gain, in tau, that is kept after `count` pairs."""
    low = 0.0
    high = _FAR
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _is_kept(middle, noise, rule, count):
            high = middle
        else:
            low = middle
    return high


def _is_kept(gain: float, noise: Noise, rule: Rule, count: int) -> bool:
    """Return whether pairs with this mean gain, which scatter as the noise does, are a keep."""
    tau = noise.sd or 0.0
    differences = tuple((-gain + place) * tau for place in _scatter(count))
    return isinstance(decide(Case(differences=differences, noise=noise), rule), Keep)


def _scatter(count: int) -> list[float]:
    """Return `count` numbers with the mean 0 and the standard deviation that the judge will see.

    It takes the larger one of the run's and the candidate's own, which is more than 1 on average.
    """
    if count == 1:
        return [0.0]
    spread = stdev(range(count)) / sqrt(1 + LARGER / (count - 1))
    return [(number - fmean(range(count))) / spread for number in range(count)]
