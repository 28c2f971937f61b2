"""Discrete metrics: told from equal differences, which a continuous metric never has twice.

An accuracy on 200 items moves in steps of half a percent, and many pairs of equal codes tie. There
three pairs that are better by one item each look like three pairs without noise; yet each score was
rounded to a whole item, and rounding alone scatters a difference of two scores by the square root
of a sixth of a step (Sheppard, Proceedings of the London Mathematical Society 1898). So the noise
is never taken for less, and a tie says nothing: it is neither the same program nor a gain.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from math import sqrt

# In steps: the standard deviation that rounding gives a difference of two scores.
ROUNDING = sqrt(1 / 6)
# Differences that agree in so many digits are equal: they come out of subtractions.
DIGITS = 9
# Of a step: differences are multiples of it up to this.
TOLERANCE = 1e-3


def step_of(samples: Sequence[Sequence[float]]) -> float:
    """Return the smallest step of a discrete metric, or 0.0 for a continuous one.

    samples: the differences of each candidate to its incumbent, one a seed.

    Some differences of a discrete one are equal, and all are multiples of the smallest. Ties are
    no sign of it: code without any effect ties too. Nor is a candidate whose differences are all
    equal: there seeds move every code alike, and cancel.
    """
    sizes = Counter(_rounded(chain.from_iterable(map(_without_repeats, samples))))
    if len(sizes) == sizes.total():
        return 0.0
    step = min(sizes)
    is_lattice = all(abs(size / step - round(size / step)) < TOLERANCE for size in sizes)
    return step if is_lattice else 0.0


def _without_repeats(differences: Sequence[float]) -> Sequence[float]:
    """Return the differences of a candidate; a single one where all are equal."""
    if not differences:
        return differences
    spread = max(differences) - min(differences)
    alike = spread <= 10**-DIGITS * max(map(abs, differences))
    return differences[:1] if alike else differences


def step_between(losses: Sequence[float]) -> float:
    """Return the smallest step between scores of one code, where some tie and others do not.

    0.0 where none tie, and where all do: then no seed moves them.
    """
    gaps = [after - before for before, after in pairwise(sorted(losses))]
    return min(filter(None, gaps), default=0.0) if 0.0 in gaps else 0.0


def _rounded(differences: Iterable[float]) -> list[float]:
    """Return the sizes of all differences but ties, to DIGITS digits of the largest."""
    sizes = [abs(difference) for difference in differences]
    largest = max(sizes, default=0.0)
    if not largest:
        return []
    units = [round(size / largest * 10**DIGITS) for size in sizes]
    return [unit / 10**DIGITS * largest for unit in units if unit]
