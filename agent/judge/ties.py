"""Recognises discrete metrics by equal differences, which a continuous metric never repeats.

An accuracy on 200 items moves in steps of half a percent, and many pairs of equal codes tie. Three
pairs that are all better by one item look as if there were no noise. But each score is rounded to a
whole item, and rounding alone gives a difference of two scores a standard deviation of sqrt(1/6)
steps (Sheppard, Proceedings of the London Mathematical Society 1898). So the noise is never taken
to be less, and a tie shows neither a gain nor equal programs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from math import sqrt

# Standard deviation of a difference of two rounded scores, in steps.
ROUNDING = sqrt(1 / 6)
# Differences are equal if they agree to so many digits; subtraction leaves rounding errors.
DIGITS = 9
# How far a difference may be from a multiple of the step, in steps.
TOLERANCE = 1e-3


def step_of(samples: Sequence[Sequence[float]]) -> float:
    """Return the smallest step of a discrete metric, or 0.0 for a continuous one.

    samples: for each candidate its differences to the incumbent, one for each seed.

    A metric is discrete if some differences are equal and all are multiples of the smallest. Ties
    are ignored, since code without any effect ties on every metric. So is a candidate whose
    differences are all equal: there the effect of the seed is the same for both, and cancels.
    """
    sizes = Counter(_rounded(chain.from_iterable(map(_without_repeats, samples))))
    if len(sizes) == sizes.total():
        return 0.0
    step = min(sizes)
    is_lattice = all(abs(size / step - round(size / step)) < TOLERANCE for size in sizes)
    return step if is_lattice else 0.0


def _without_repeats(differences: Sequence[float]) -> Sequence[float]:
    """Return the differences of a candidate, or only the first if all are equal."""
    if not differences:
        return differences
    spread = max(differences) - min(differences)
    alike = spread <= 10**-DIGITS * max(map(abs, differences))
    return differences[:1] if alike else differences


def step_between(losses: Sequence[float]) -> float:
    """Return the smallest step between scores of one code if some, but not all, of them tie.

    Otherwise 0.0.
    """
    gaps = [after - before for before, after in pairwise(sorted(losses))]
    return min(filter(None, gaps), default=0.0) if 0.0 in gaps else 0.0


def _rounded(differences: Iterable[float]) -> list[float]:
    """Return the sizes of all non-zero differences, to DIGITS digits of the largest."""
    sizes = [abs(difference) for difference in differences]
    largest = max(sizes, default=0.0)
    if not largest:
        return []
    units = [round(size / largest * 10**DIGITS) for size in sizes]
    return [unit / 10**DIGITS * largest for unit in units if unit]
