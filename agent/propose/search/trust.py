"""Trust-region Bayesian optimisation from the constants as they stand: a few of them changed at a time, failures foreseen.

After TuRBO (Eriksson et al. 2019, arXiv 1910.01739) and Casmopolitan (Wan et al. 2021, arXiv 2102.07188): candidates lie around
the incumbent, a Gaussian process says what each may gain, a forest how likely it is to fail, and the best product is next. At
the beginning, and where that gets nowhere, every other proposal changes one constant alone: what it does is then known.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from agent.propose.search import gaussian
from agent.propose.search.fresh import DRAWS, fresh
from agent.propose.search.grid import Grid
from agent.propose.search.observe import Key, Observation, fit
from agent.propose.search.scale import generator
from agent.records.proposals import Configuration
from agent.space import Space

# Before so many trials a change of several constants is one of all of them, the most promising of so many: one trial then teaches
# something of each, as in an evolution strategy.
FIRST, DRAWN = 17, 50
# Later, candidates around the incumbent, then around the best of those; how many constants move on average, how far (shares of a
# range).
CANDIDATES, FINER = 1500, 500
CHANGED, CHANGED_FINER = 3.0, 2.0
STEPS, STEPS_FINER = (0.02, 0.25), (0.01, 0.1)
# Before so many trials, and where so many in a row gained nothing, one of each two proposals changes one constant alone: the one
# that would gain the most if it came out so many deviations better than expected. Around a sharp optimum all else looks worse
# than it is, and riskier after a few failures; so the risk counts less here: its logarithm counts as so many deviations.
EARLY, STALLED = 40, 8
LUCK, CAUTION = 1.5, 8.0
# The process sees the nearest observations only; its hyperparameters are fitted anew where this share of them is new.
NEAREST = 150
REFIT = 0.1
# How many trees foretell failures, and the share of the columns that each of their splits chooses from.
TREES, COLUMNS = 60, 0.5
# A gain that comes with a risk is worth the chance of success to this power: a failed trial teaches little. No tree for it is not
# taken for no chance.
AVERSION = 20.0
LEAST = 1e-3


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    grid = Grid(space)
    if not grid.groups.size:
        return fresh(space, seen, lambda: space.default, rng)
    if not any(observation.value is not None for observation in seen):
        start = grid.points([space.repair(space.default)])
        return fresh(space, seen, lambda: grid.configuration(grid.around(start, 1, rng)[0]), rng)
    ranked = _ranked(space, grid, seen, rng, _alone(seen, seed))
    return fresh(space, seen, lambda: next(ranked), rng)


def _alone(seen: Sequence[Observation], seed: int) -> bool:
    """True where one constant is to change alone. A coin says at which of two proposals, since others may propose between."""
    best = int(np.argmin([np.inf if o.value is None else o.value for o in seen]))
    idle = sum(not (o.prior or o.pending) for o in seen[best + 1 :])
    pair, place = divmod(len(seen), 2)
    return (len(seen) < EARLY or idle >= STALLED) and int(
        generator(seed, pair).integers(2)
    ) == place


def _ranked(
    space: Space, grid: Grid, seen: Sequence[Observation], rng: np.random.Generator, alone: bool
) -> Iterator[Configuration]:
    """Candidates by what they promise, best first; before them, where `alone`, those that change one constant."""
    gain = Gain(space, grid, seen)
    risk = Risk(grid, seen, rng)
    if alone:
        candidates = grid.alone(gain.incumbent[0])
        worth = gain.hoped(candidates) + CAUTION * risk.log_success(candidates)
        yield from (
            grid.configuration(candidates[place])
            for place in np.argsort(-worth, kind="stable")[: DRAWS // 2]
        )

    def best_first(candidates: np.ndarray) -> np.ndarray:
        promise = gain.log_expected(candidates) + AVERSION * risk.log_success(candidates)
        return np.asarray(candidates[np.argsort(-promise, kind="stable")])

    if len(seen) < FIRST:
        candidates = best_first(grid.around(gain.incumbent, DRAWN, rng))
    else:
        candidates = best_first(grid.neighbours(gain.incumbent, CANDIDATES, CHANGED, STEPS, rng))
        finer = grid.neighbours(candidates[:5], FINER, CHANGED_FINER, STEPS_FINER, rng)
        candidates = best_first(np.vstack([candidates[:50], finer]))
    yield from (grid.configuration(candidate) for candidate in candidates)


class Gain:
    """What a point may gain on the incumbent: a Gaussian process on warped scores. incumbent: (1, d), the best as measured."""

    def __init__(self, space: Space, grid: Grid, seen: Sequence[Observation]) -> None:
        scored = [o for o in seen if o.value is not None]
        values = np.array([o.value for o in scored])
        points = grid.points([o.configuration for o in scored])
        best = int(np.argmin(values))
        self.incumbent = points[[best]]
        near = nearest(points, points[best])
        points, targets, cut = points[near], warp(values[near]), cut_of(len(near))
        keys = tuple(scored[i].key for i in near[:cut])
        theta = _hyperparameters(
            space, keys, tuple(float(target) for target in warp(values[near[:cut]]))
        )
        self._process = gaussian.condition(points, targets, theta, grid.groups)
        self._goal = float(np.min(self._process.predict(points)[0]))
        waiting = [o.configuration for o in seen if o.pending]
        if (
            waiting
        ):  # believed to come out as expected, so that what lies beside them promises little
            there = grid.points(waiting)
            believed = np.concatenate([targets, self._process.predict(there)[0]])
            self._process = gaussian.condition(
                np.vstack([points, there]), believed, theta, grid.groups
            )

    def log_expected(self, points: np.ndarray) -> np.ndarray:
        """The logarithm of the expected improvement, (m,)."""
        mean, spread = self._process.predict(points)
        return np.asarray(log_improvement((self._goal - mean) / spread) + np.log(spread))

    def hoped(self, points: np.ndarray) -> np.ndarray:
        """The gain LUCK deviations above what is expected, (m,), where warped scores have deviation 1."""
        mean, spread = self._process.predict(points)
        return np.asarray(self._goal - mean + LUCK * spread)


def warp(values: np.ndarray) -> np.ndarray:
    """Scores with their median at 0 and the better half as it is; the worse half grows like a logarithm: how bad is no matter."""
    middle = np.median(values)
    unit = max(float(middle - np.min(values)), 1e-12)
    z = (values - middle) / unit
    z = np.where(z > 0, np.log1p(np.maximum(z, 0)), z)
    return np.asarray(z / max(float(np.std(z)), 1e-12))


def log_improvement(z: np.ndarray) -> np.ndarray:
    """log(phi(z) + z Phi(z)), in a form that does not underflow (Ament et al. 2023, arXiv 2310.20708, simplified)."""
    log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    far = z < -5
    plain = np.log(np.maximum(np.exp(log_density) + z * ndtr(z), 1e-300))
    return np.asarray(np.where(far, log_density - 2 * np.log(np.abs(np.where(far, z, 1.0))), plain))


class Risk:
    """How likely a point is to fail, by a vote of extremely randomised trees (Geurts et al. 2006, doi 10.1007/s10994-006-6226-1).

    Trees because what is too large stays too large: beyond the outermost failure a Gaussian process is back at its mean.
    """

    def __init__(self, grid: Grid, seen: Sequence[Observation], rng: np.random.Generator) -> None:
        done = [o for o in seen if not o.pending]
        works = [o.failure is None for o in done]
        self._forest = None
        if not all(works):
            # Takes most of a second, for which a run without a failure need not wait.
            from sklearn.ensemble import ExtraTreesClassifier

            forest = ExtraTreesClassifier(
                TREES, max_features=COLUMNS, random_state=int(rng.integers(2**31)), n_jobs=1
            )
            self._forest = forest.fit(grid.points([o.configuration for o in done]), works)

    def log_success(self, points: np.ndarray) -> np.ndarray:
        """The logarithm of the probability that it does not fail, (m,)."""
        if self._forest is None:
            return np.zeros(len(points))
        works = self._forest.predict_proba(points)[:, list(self._forest.classes_).index(True)]
        return np.asarray(np.log(np.maximum(works, LEAST)))


def nearest(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The places of the NEAREST points around `centre`, in their order."""
    return np.sort(np.argsort(np.sum((points - centre) ** 2, 1), kind="stable")[:NEAREST])


def cut_of(count: int) -> int:
    """How many of `count` observations the hyperparameters are fitted to: they are fitted anew where REFIT of them are new."""
    step = max(int(REFIT * count), 1)
    return count // step * step


@lru_cache(maxsize=8)
def _hyperparameters(space: Space, keys: tuple[Key, ...], targets: tuple[float, ...]) -> np.ndarray:
    """The hyperparameters of a process that saw `targets`: remembered, for they take longest and change little between trials."""
    grid = Grid(space)
    return gaussian.fit(grid.points([dict(key) for key in keys]), np.array(targets), grid.groups)
