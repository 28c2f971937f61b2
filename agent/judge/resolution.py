"""Computes the smallest gain that the judge can tell from noise, by the number of seed pairs."""

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
"""How often a gain of the returned size is kept."""
LEARNT = SOBER
"""Degrees of freedom of a noise that a night has learnt; before that the judge is stricter."""
LARGER = 0.7
"""By how much the larger of two variances is above 1, of one degree of freedom."""
_STEPS = 50
_FAR = 64.0
"""In tau: the judge keeps every gain of this size."""


class Resolution(Record):
    """The smallest gain that a number of pairs can show."""

    pairs: int
    gain: FiniteFloat
    """A positive difference of losses. A gain of this size is kept POWER of the time."""
    trainings: int
    """The most trainings: of the candidate, and of the incumbent under the same seeds."""


def resolutions(
    tau: float, rule: Rule, counts: Sequence[int] = PAIRS, degrees: int = LEARNT
) -> tuple[Resolution, ...]:
    """Return the smallest gain for each number of pairs, where paired differences scatter by tau.

    It is the smallest mean gain that `decide` keeps, plus a margin for noise.
    """
    smallest = []
    for count in counts:
        noise = Noise(sd=tau, degrees=degrees)
        least = _least_kept(noise, rule, count) * tau
        margin = NormalDist().inv_cdf(POWER) * tau / sqrt(count)
        trainings = 1 if count == 1 else 2 * count
        smallest.append(Resolution(pairs=count, gain=least + margin, trainings=trainings))
    return tuple(smallest)


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
    """Return whether pairs with this mean gain and the scatter of the noise are kept."""
    tau = noise.sd or 0.0
    differences = tuple((-gain + place) * tau for place in _scatter(count))
    return isinstance(decide(Case(differences=differences, noise=noise), rule), Keep)


def _scatter(count: int) -> list[float]:
    """Return `count` numbers with mean 0 and the standard deviation that the judge would use.

    The judge uses the larger one of the run's and the candidate's, which averages more than 1.
    """
    if count == 1:
        return [0.0]
    spread = stdev(range(count)) / sqrt(1 + LARGER / (count - 1))
    return [(number - fmean(range(count))) / spread for number in range(count)]
