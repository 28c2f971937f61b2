"""Kinds of noise that metrics have, for `python -m benchmarks.verdicts --family`.

Each draws the loss of one training from the quality of its code, in sigma; lower is better. Where a
family has no standard deviation, or one that outliers make, sigma is that of a normal distribution
with the same quartiles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from statistics import median

import numpy as np

Draw = Callable[[np.random.Generator, float], float]
ITEMS = 200
"""Of a test set."""
PHASE = 0.5
"""Where between two counts of right answers the first baseline lies; a half is the worst."""


@dataclass(frozen=True)
class Family:
    """One kind of noise."""

    draw: Draw
    what: str
    exact: bool = False
    """noise = "none" is stated."""


def gaussian(rng: np.random.Generator, quality: float) -> float:
    """Return a loss with normal noise."""
    return quality + float(rng.standard_normal())


def exact(_: np.random.Generator, quality: float) -> float:
    """Return a loss without noise."""
    return quality


def student(degrees: int, sigma: float) -> Draw:
    """Return losses with noise by Student's t; sigma: its quartile's distance in sigma."""
    return lambda rng, quality: quality + float(rng.standard_t(degrees)) / sigma


def latency(repeats: int, spread: float) -> Draw:
    """Return the median time of `repeats` calls: log-normal, and one call of twenty is disturbed.

    spread: the logarithm's standard deviation of one call.
    """

    def draw(rng: np.random.Generator, quality: float) -> float:
        times: list[float] = []
        for _ in range(repeats):
            disturbance = 0.1 * exp(rng.standard_normal()) if rng.random() < 0.05 else 0.0
            times.append(exp(spread * rng.standard_normal()) * (1 + disturbance))
        unit = spread / repeats**0.5
        typical: float = median(times)
        return float(exp(unit * quality) * typical / unit)

    return draw


def ties(rng: np.random.Generator, quality: float) -> float:
    """Return minus the share of right answers; two thirds of no-op pairs tie, sigma is an item."""
    return -round(170 + PHASE - quality + 0.295 * rng.standard_normal()) / ITEMS


def binomial(rng: np.random.Generator, quality: float) -> float:
    """Return minus the share of right answers, each drawn afresh."""
    chance = 1 / (1 + exp(-1.735 + 0.198 * quality))
    return -float(rng.binomial(ITEMS, chance)) / ITEMS


def bounded(rng: np.random.Generator, quality: float) -> float:
    """Return minus a score near 1, such as 0.99: what is missing has a skewed distribution."""
    missing = exp(-4.6 + 0.3 * (quality + rng.standard_normal()))
    return -1 / (1 + missing)


def bounded_logit(rng: np.random.Generator, quality: float) -> float:
    """Return the same on the scale `logit`."""
    return 0.3 * (quality + float(rng.standard_normal()))


def falling(rng: np.random.Generator, quality: float) -> float:
    """Return a loss whose noise is a tenth of it."""
    return exp(0.1 * (quality + rng.standard_normal()))


def falling_log(rng: np.random.Generator, quality: float) -> float:
    """Return the same on the scale `log`."""
    return log(falling(rng, quality))


def unlucky(rng: np.random.Generator, quality: float) -> float:
    """Return a loss whose noise has a long tail of bad scores."""
    return quality + float(rng.standard_exponential()) - 1


def lucky(rng: np.random.Generator, quality: float) -> float:
    """Return a loss whose noise has a long tail of good scores."""
    return quality - float(rng.standard_exponential()) + 1


FAMILIES = {
    "gaussian": Family(gaussian, "normal noise"),
    "exact": Family(exact, 'equal code, equal result (noise = "none")', exact=True),
    "t3": Family(student(3, 1.134), "Student's t with 3 degrees"),
    "t2": Family(student(2, 1.21), "Student's t with 2 degrees: no variance"),
    "latency": Family(latency(1, 0.03), "a time, one of twenty disturbed"),
    "latency-median": Family(latency(5, 0.03), "the median of 5 such times"),
    "ties": Family(ties, "right answers of 200, two thirds of no-op pairs tie"),
    "binomial": Family(binomial, "right answers of 200, binomial"),
    "ties-flat": Family(lambda r, q: ties(r, q + PHASE), "the same, no-op pairs nearly all tie"),
    "bounded": Family(bounded, "near 1, linear"),
    "bounded-logit": Family(bounded_logit, "near 1, scale logit"),
    "falling": Family(falling, "noise a tenth of the loss, linear"),
    "falling-log": Family(falling_log, "noise a tenth of the loss, scale log"),
    "unlucky": Family(unlucky, "exponential, tail of bad scores"),
    "lucky": Family(lucky, "exponential, tail of good scores"),
}
