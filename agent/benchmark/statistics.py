"""The statistics of a benchmark, as pure functions: incumbents, ranks, bands, paired tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata, wilcoxon

from agent.benchmark.results import Line

DRAWS = 2_000
LEVEL = 0.95
TAILS = (1 - LEVEL) / 2, (1 + LEVEL) / 2
ALPHA = 0.05


def incumbents(lines: Sequence[Line]) -> np.ndarray:
    """Return (n,): after each trial, the score of the configuration that was measured best so far.

    It counts with its true score if that is known, so that a lucky measurement gains nothing: the
    curve may rise.
    """
    scores = np.empty(len(lines))
    best = lines[0]
    for place, line in enumerate(lines):
        if line.value is not None and (best.value is None or line.value < best.value):
            best = line
        scores[place] = np.nan if best.score is None else best.score
    return scores


def gains(lines: Sequence[Line]) -> np.ndarray:
    """Return (n,): the incumbent's lead over the baseline after each trial; higher is better."""
    scores = incumbents(lines)
    return np.asarray(scores[0] - scores)


def ranks(table: np.ndarray) -> np.ndarray:
    """Return (blocks, methods) gains as ranks in their block: 1 is best, ties are shared."""
    return np.asarray(rankdata(-table, axis=1))


def band(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of (seeds, n) over the seeds and the ends of its interval.

    The interval is the percentile bootstrap's, with seeds drawn with replacement.
    """
    low, high = np.quantile(_resampled(samples), TAILS, axis=0)
    return np.mean(samples, axis=0), low, high


def _resampled(samples: np.ndarray) -> np.ndarray:
    """Return (DRAWS, n) means of (seeds, n), with the seeds drawn with replacement.

    The draws are the same for every call with as many seeds.
    """
    draws = np.random.default_rng(0).integers(len(samples), size=(DRAWS, len(samples)))
    weights = np.stack([np.bincount(draw, minlength=len(samples)) for draw in draws]) / len(samples)
    return np.asarray(weights @ samples)


@dataclass(frozen=True)
class Reached:
    """After how many trials a mean gain is what another method has at its end; None is never."""

    after: int | None
    low: int | None
    high: int | None
    """Ends of the interval (bootstrap: the same seeds are drawn of both methods)."""


def reached(curves: np.ndarray, goals: np.ndarray) -> Reached:
    """Return when the mean of the gains (seeds, n) reaches the mean of the final gains (seeds,)."""
    lead = curves - goals[:, None]
    [after] = _first_ahead(np.mean(lead, axis=0, keepdims=True))
    low, high = np.quantile(_first_ahead(_resampled(lead)), TAILS, method="inverted_cdf")
    never = curves.shape[1]
    return Reached(_or_never(after, never), _or_never(low, never), _or_never(high, never))


def _first_ahead(leads: np.ndarray) -> np.ndarray:
    """Return, per row of (draws, n), the first place that is not negative; n if there is none."""
    ahead = leads >= 0
    return np.asarray(np.where(ahead.any(axis=1), ahead.argmax(axis=1), leads.shape[1]))


def _or_never(count: float, never: int) -> int | None:
    return None if count == never else int(count)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same blocks (a task under a seed)."""

    first: str
    second: str
    blocks: int
    wins: int
    losses: int
    """Blocks in which the first method is better, and worse."""
    difference: float
    """Mean gain of the first minus that of the second."""
    p: float
    """Wilcoxon's signed-rank test, two-sided."""
    corrected: float
    """p after Holm, among all the comparisons made with it."""

    @property
    def significant(self) -> bool:
        """Return whether chance is an unlikely reason for the difference, corrected."""
        return self.corrected < ALPHA


def compare(samples: dict[str, np.ndarray]) -> list[Comparison]:
    """Return every pair of methods, given each one's gains (blocks,) in the same order."""
    pairs = list(combinations(samples, 2))
    differences = [samples[first] - samples[second] for first, second in pairs]
    raw = [signed_rank(difference) for difference in differences]
    return [
        Comparison(
            first=first,
            second=second,
            blocks=len(difference),
            wins=int(np.sum(difference > 0)),
            losses=int(np.sum(difference < 0)),
            difference=float(np.mean(difference)),
            p=p,
            corrected=corrected,
        )
        for (first, second), difference, p, corrected in zip(
            pairs, differences, raw, holm(raw), strict=True
        )
    ]


def signed_rank(differences: np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; 1 if nothing differs."""
    return float(wilcoxon(differences).pvalue) if np.any(differences != 0) else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Return p values corrected after Holm (1979).

    The chance of even one false discovery among them all stays below the level.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[index]))
        corrected[index] = highest
    return [float(value) for value in corrected]


def least_p(blocks: int) -> float:
    """Return the smallest p that the test can give for so many blocks.

    With five it is 0.06, and nothing can be shown.
    """
    return float(2.0 ** (1 - blocks))
