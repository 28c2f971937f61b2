"""The statistics of a comparison: incumbents, ranks, bands, and paired tests corrected for their number. Pure functions."""

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
    """(n,) the score, after each trial, of what the method would then have chosen: the configuration that it measured best.

    Where the true score is known that is it, so a lucky measurement gains nothing: the curve may rise.
    """
    scores = np.empty(len(lines))
    best: Line | None = None
    for place, line in enumerate(lines):
        if line.value is not None and (
            best is None or best.value is None or line.value < best.value
        ):
            best = line
        scores[place] = np.nan if best is None else best.score
    return scores


def gains(lines: Sequence[Line]) -> np.ndarray:
    """(n,) by how much the incumbent is better than the baseline after each trial; higher is better."""
    scores = incumbents(lines)
    return np.asarray(scores[0] - scores)


def ranks(table: np.ndarray) -> np.ndarray:
    """(blocks, methods) of gains as ranks in their block, 1 is best, ties shared."""
    return np.asarray(rankdata(-table, axis=1))


def band(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of (seeds, n) over the seeds, and its bootstrap interval (percentile, seeds drawn with replacement)."""
    low, high = np.quantile(_resampled(samples), TAILS, axis=0)
    return np.mean(samples, axis=0), low, high


def _resampled(samples: np.ndarray) -> np.ndarray:
    """(DRAWS, n) means of (seeds, n), the seeds drawn with replacement; of the same seeds for equally many."""
    draws = np.random.default_rng(0).integers(len(samples), size=(DRAWS, len(samples)))
    weights = np.stack([np.bincount(draw, minlength=len(samples)) for draw in draws]) / len(samples)
    return np.asarray(weights @ samples)


@dataclass(frozen=True)
class Reached:
    """After how many trials a mean gain is what another method has at its end; None where it never is. low, high: the interval
    of that count where the seeds are drawn anew, of both methods alike."""

    after: int | None
    low: int | None
    high: int | None


def reached(curves: np.ndarray, goals: np.ndarray) -> Reached:
    """When the gains (seeds, n) of a method are, in the mean, the final gains (seeds,) of another under the same seeds."""
    lead = curves - goals[:, None]
    never = curves.shape[1]

    def counts(means: np.ndarray) -> np.ndarray:
        return np.asarray(
            np.where(np.any(means >= 0, axis=1), np.argmax(means >= 0, axis=1), never)
        )

    found = (
        counts(np.mean(lead, axis=0, keepdims=True))[0],
        *np.quantile(counts(_resampled(lead)), TAILS, method="inverted_cdf"),
    )
    after, low, high = (None if count == never else int(count) for count in found)
    return Reached(after, low, high)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same blocks (a task under a seed). difference: mean gain of `one` minus that of `two`; p: Wilcoxon's
    signed-rank test, two-sided; corrected: after Holm, among all the comparisons made with it."""

    one: str
    two: str
    blocks: int
    wins: int
    losses: int
    difference: float
    p: float
    corrected: float

    @property
    def significant(self) -> bool:
        """Whether chance is an unlikely reason for the difference, all comparisons counted."""
        return self.corrected < ALPHA


def compare(samples: dict[str, np.ndarray]) -> list[Comparison]:
    """Every pair of methods, each with its gains (blocks,) in the same order of blocks."""
    pairs = list(combinations(samples, 2))
    raw = [signed_rank(samples[one] - samples[two]) for one, two in pairs]
    return [
        Comparison(
            one,
            two,
            len(samples[one]),
            int(np.sum(samples[one] > samples[two])),
            int(np.sum(samples[one] < samples[two])),
            float(np.mean(samples[one] - samples[two])),
            p,
            corrected,
        )
        for (one, two), p, corrected in zip(pairs, raw, holm(raw), strict=True)
    ]


def signed_rank(differences: np.ndarray) -> float:
    """Wilcoxon's two-sided p; 1 where nothing differs."""
    return float(wilcoxon(differences).pvalue) if np.any(differences != 0) else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """p values after Holm (1979): the chance of even one false discovery among them all stays below the level."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[index]))
        corrected[index] = highest
    return [float(value) for value in corrected]


def least_p(blocks: int) -> float:
    """The smallest p that the test can give for so many blocks: with five it is 0.06, and nothing can be shown."""
    return float(2.0 ** (1 - blocks))
