"""Estimates luck in comparisons: the incumbent's bad scores, and selection by a threshold."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, median

from agent.judge.noise import difference_of
from agent.records.objective import Sense
from agent.records.results import Pair, Trial

STANDARD = NormalDist()
# Points of the numerical integral over the screen's gain.
GRID = 64


def bad_luck(discarded: Sequence[float]) -> float:
    """Return the incumbent's bad luck under one seed, zero or negative.

    discarded: differences of discarded candidates to it. The median is taken with a zero added, so
    that a single candidate that did better counts half.
    """
    return min(0.0, median([0.0, *discarded]))


def luck_of(
    trials: Sequence[Trial], incumbent: int, pairs: Sequence[Pair], sense: Sense
) -> tuple[float, ...]:
    """Return the bad luck of trial `incumbent` in each pair.

    It is estimated from the candidates that were discarded against the same score.
    """
    discarded: dict[tuple[int, float], list[float]] = {
        (pair.seed, pair.incumbent): [] for pair in pairs
    }
    for trial in reversed(trials):
        if trial.number == incumbent:
            break
        if trial.against != incumbent or trial.status != "discard" or trial.was_held_to_guards:
            continue
        for pair in trial.pairs:
            if (pair.seed, pair.incumbent) in discarded:
                discarded[pair.seed, pair.incumbent].append(difference_of(pair, sense))
    return tuple(bad_luck(discarded[pair.seed, pair.incumbent]) for pair in pairs)


def luck_of_screen(gain: float, tau: float, threshold: float) -> float:
    """Return the mean luck in a gain of one run that passed `threshold`; tau: a pair's noise."""
    if not tau:
        return 0.0
    passed = (threshold - gain) / tau
    return tau * STANDARD.pdf(passed) / STANDARD.cdf(-passed)


def luck_of_look(
    gain: float, tau: float, threshold: float, looks: int, screened: tuple[float, float]
) -> float:
    """Return the mean luck in the gain of `looks` confirming pairs.

    threshold: the gain that the mean of all pairs exceeded. screened: the lowest and the highest
    gain (in tau) of a screen that leads to confirming pairs.
    """
    if not tau:
        return 0.0
    truth = max(0.0, gain)
    scatter = tau / sqrt(looks)
    low, high = screened
    luck = 0.0
    chance = 0.0
    for point in range(GRID):
        screen = tau * (low + (high - low) * (point + 0.5) / GRID)
        passed = (((looks + 1) * threshold - screen) / looks - truth) / scatter
        weight = STANDARD.pdf((screen - truth) / tau)
        luck += weight * scatter * STANDARD.pdf(passed)
        chance += weight * STANDARD.cdf(-passed)
    return luck / chance if chance else 0.0
