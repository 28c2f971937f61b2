"""Tests whether a would-be keep stays within its guards: one-sided tests of non-inferiority.

The model. A guard's metric scatters like a score. A guard with a number is held against the mean
of the attempt's runs. A guard with `baseline` is held against the run's *first* baseline, never
against what was kept since, so that a hundred small losses cannot creep in: run by run under the
same seed, where luck that moves every code alike cancels.

The test. Each look gives the mean excess over the limit an upper and a lower bound by Student's t.
Inside: the upper bound is at or below zero. Outside: the lower one is above it. Between them, the
attempt is run again, up to the judge's LOOKS runs. A violation exactly at the limit may stop at the
first lucky look, so each look is taken at LEVEL, below 5 %: then at most 5 % of such attempts pass
over all looks together (measured: `python -m benchmarks.guards`).

The noise is pooled over everything that the run measured more than once, the baseline's seeds
included. For a noisier attempt, its own noise is used. A metric that never changes is exact, and
one run decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, stdev

from agent.judge.determinism import independent
from agent.judge.noise import Noise, critical, sum_of_squares
from agent.records.guards import Finding, Guard, GuardResult
from agent.records.results import Score, Trial, on_newest_data

LEVEL = 0.016
"""The level of one look: its probability of passing a violation exactly at the limit."""
ROUNDING = 1e-9
"""Relative error that sums of floats may have."""

Values = Mapping[int, float]
"""A metric's values, by seed."""


def values_of(scores: Sequence[Score] | Mapping[int, Score], metric: str) -> dict[int, float]:
    """Return the newest value of a metric under each seed."""
    every = scores.values() if isinstance(scores, Mapping) else scores
    return {score.seed: score.also[metric] for score in every if metric in score.also}


def excesses(guard: Guard, own: Values, baseline: Values) -> dict[int, float]:
    """Return by how much an attempt's runs exceed the limit, by seed; negative is inside.

    For a relative guard, only seeds that the baseline has are compared.
    """
    if guard.limit is not None:
        limit = guard.loss(guard.limit)
        return {seed: guard.loss(value) - limit for seed, value in own.items()}
    if not baseline:
        return {}
    allowed = guard.allowed(fmean(baseline.values()))
    return {
        seed: guard.loss(value) - guard.loss(baseline[seed]) - allowed
        for seed, value in own.items()
        if seed in baseline
    }


@dataclass(frozen=True)
class Repeats:
    """A metric's values of one code by seed, and how often their variance counts."""

    values: Values
    weight: int = 1


def guard_noise(guard: Guard, trials: Sequence[Trial], baseline: Values) -> Noise:
    """Return the noise of an excess between runs of equal code, pooled over the run."""
    groups = []
    for trial in on_newest_data(trials):
        if trial.result is None:
            continue
        if trial.status == "baseline":
            values = values_of(independent(trial.result), guard.metric)
            groups.append(of_baseline(guard, values))
        else:
            own = values_of(trial.result.own, guard.metric)
            groups.append(Repeats(excesses(guard, own, baseline)))
    return pooled(guard, groups)


def of_baseline(guard: Guard, values: Values) -> Repeats:
    """Return a baseline's runs as repeats.

    For a relative guard their variance counts twice: an excess has the noise of both its runs.
    """
    return Repeats(values, weight=2 if guard.is_relative else 1)


def pooled(guard: Guard, groups: Sequence[Repeats]) -> Noise:
    """Return the noise of all repeats together.

    An absolute guard has no more degrees of freedom than there are seeds: the effect that a seed
    has on every code alike is measured only once, however many codes ran under it.
    """
    squares = 0.0
    degrees = 0
    seeds: set[int] = set()
    for group in groups:
        if len(group.values) > 1:
            squares += group.weight * sum_of_squares(list(group.values.values()))
            degrees += len(group.values) - 1
            seeds |= set(group.values)
    sd = sqrt(squares / degrees) if degrees else None
    if not guard.is_relative:
        degrees = max(0, min(degrees, len(seeds) - 1))
    return Noise(sd=sd, degrees=degrees)


def weigh(guard: Guard, own: Values, baseline: Values, noise: Noise) -> GuardResult | None:
    """Return the result of a guard's test; None while nothing can be compared."""
    amounts = list(excesses(guard, own, baseline).values())
    if not amounts:
        return None
    mean = _rounded(fmean(amounts), own, guard)
    half = half_width(amounts, noise)
    low = None if half is None else mean - half
    high = None if half is None else mean + half
    return GuardResult(
        guard=guard,
        finding=_finding(low, high),
        value=fmean(own.values()),
        excess=mean,
        low=low,
        high=high,
        runs=len(amounts),
    )


def by_value(guard: Guard, own: Values, baseline: Values) -> GuardResult | None:
    """Return the result of comparing means without a test; None without values."""
    if not own or (guard.is_relative and not baseline):
        return None
    mean = fmean(own.values())
    excess = _rounded(guard.loss(mean) - _limit(guard, baseline), own, guard)
    return GuardResult(
        guard=guard,
        finding="outside" if excess > 0 else "inside",
        value=mean,
        excess=excess,
        low=excess,
        high=excess,
        runs=len(own),
    )


def _limit(guard: Guard, baseline: Values) -> float:
    """Return the limit as a loss."""
    if guard.limit is not None:
        return guard.loss(guard.limit)
    usual = fmean(baseline.values())
    return guard.loss(usual) + guard.allowed(usual)


def pass_rate(sd: float, degrees: int, looks: int, excess: float) -> float:
    """Return about how often an attempt with this excess passes after all its looks.

    sd: standard deviation of one excess; degrees: its degrees of freedom.
    """
    if not sd:
        return 1.0 if excess <= 0 else 0.0
    error = sd / sqrt(looks)
    threshold = -critical(LEVEL, degrees) * error
    return NormalDist().cdf((threshold - excess) / error)


def _finding(low: float | None, high: float | None) -> Finding:
    if high is None or low is None:
        return "undecided"
    if high <= 0:
        return "inside"
    return "outside" if low > 0 else "undecided"


def half_width(amounts: Sequence[float], noise: Noise) -> float | None:
    """Return the distance from the mean to its bounds; None while the noise is unknown."""
    before = noise.degrees
    own = len(amounts) - 1
    if not before and not own:
        return None
    squares = sum_of_squares(amounts) + (noise.sd or 0.0) ** 2 * before
    sd = sqrt(squares / (own + before))
    if own > 1:
        sd = max(sd, stdev(amounts))
    if sd <= ROUNDING * max(map(abs, amounts)):
        return 0.0
    return critical(LEVEL, own + before) * sd / sqrt(len(amounts))


def _rounded(excess: float, own: Values, guard: Guard) -> float:
    """Return an excess, or 0 if it is within the rounding error of floats."""
    size = max(abs(guard.limit or 0.0), *map(abs, own.values()))
    return 0.0 if abs(excess) <= ROUNDING * size else excess
