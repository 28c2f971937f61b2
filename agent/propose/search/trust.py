"""Trust-region Bayesian optimisation from the constants as they stand.

After TuRBO (Eriksson et al. 2019, arXiv 1910.01739) and Casmopolitan (Wan et al. 2021, arXiv
2102.07188): candidates lie around the incumbent and differ in a few constants. A Gaussian process
predicts what each may gain, a forest how likely it is to fail; the best product is next. Early, and
while nothing is gained, every other proposal changes one constant alone, which shows its effect.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from agent.propose.search import gaussian, opening
from agent.propose.search.cost import Cost
from agent.propose.search.fresh import DRAWS, fresh
from agent.propose.search.grid import Grid
from agent.propose.search.observe import Key, Observation, fit
from agent.propose.search.scale import generator
from agent.records.proposals import Configuration
from agent.space import Space

# Before FIRST trials, a change of several constants moves all of them, to the most promising of
# DRAWN points: one trial then teaches something about each, as in an evolution strategy.
FIRST = 17
DRAWN = 50
# Later, candidates around the incumbent, then finer ones around the best of those: how many, how
# many constants move on average, and how far (shares of a range).
CANDIDATES = 1500
CHANGED = 3.0
STEPS = (0.02, 0.25)
FINER = 500
CHANGED_FINER = 2.0
STEPS_FINER = (0.01, 0.1)
FINER_CENTRES = 5
FINER_KEPT = 50
# Before EARLY trials, and after STALLED in a row without a gain, every other proposal changes one
# constant alone: the one that would gain most if it came out LUCK deviations better than expected.
# Around a sharp optimum all else looks worse than it is, and riskier after a few failures, so risk
# counts less here: its logarithm counts as CAUTION deviations.
EARLY = 40
STALLED = 8
LUCK = 1.5
CAUTION = 8.0
# The process is conditioned on the nearest observations only; its hyperparameters are fitted again
# when this share of them is new.
NEAREST = 150
REFIT = 0.1
# How many trees predict failures, and the share of the columns that each split chooses from.
TREES = 60
COLUMNS = 0.5
# A gain counts times the chance of success to this power: a failed trial teaches little. The chance
# is at least LEAST, for no tree voting for success does not prove failure.
AVERSION = 20.0
LEAST = 1e-3


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    history = fit(space, observations)
    grid = Grid(space)
    if not grid.groups.size:
        return fresh(space, history, lambda: space.default, rng)
    if not any(observation.value is not None for observation in history):
        start = grid.points([space.repair(space.default)])
        return fresh(space, history, lambda: grid.configuration(grid.around(start, 1, rng)[0]), rng)
    ranked = _ranked(space, grid, history, rng, _alone(history, seed))
    return fresh(space, history, lambda: next(ranked), rng)


def _alone(history: Sequence[Observation], seed: int) -> bool:
    """Return whether to change one constant alone.

    A coin decides for which of two proposals, since others may propose in between.
    """
    values = [np.inf if trial.value is None else trial.value for trial in history]
    best = int(np.argmin(values))
    idle = sum(not (trial.prior or trial.pending) for trial in history[best + 1 :])
    if len(history) >= EARLY and idle < STALLED:
        return False
    pair, place = divmod(len(history), 2)
    return int(generator(seed, pair).integers(2)) == place


def _ranked(
    space: Space, grid: Grid, history: Sequence[Observation], rng: np.random.Generator, alone: bool
) -> Iterator[Configuration]:
    """Yield candidates, most promising first; if `alone`, changes of one constant before others."""
    gain = Gain(space, grid, history)
    cost = Cost(space, history)
    if opening.is_open(history):
        yield from opening.moves(space, history, gain.best, cost, rng)
    risk = Risk(grid, history, rng)
    if alone:
        yield from _alone_best_first(grid, gain, risk, cost)

    def best_first(candidates: np.ndarray) -> np.ndarray:
        promise = gain.log_expected(candidates) + AVERSION * risk.log_success(candidates)
        return np.asarray(candidates[np.argsort(-promise, kind="stable")])

    if len(history) < FIRST:
        candidates = best_first(grid.around(gain.incumbent, DRAWN, rng))
    else:
        candidates = best_first(grid.neighbours(gain.incumbent, CANDIDATES, CHANGED, STEPS, rng))
        centres = candidates[:FINER_CENTRES]
        finer = grid.neighbours(centres, FINER, CHANGED_FINER, STEPS_FINER, rng)
        candidates = best_first(np.vstack([candidates[:FINER_KEPT], finer]))
    yield from cost.fitting_first(map(grid.configuration, candidates))


def _alone_best_first(
    grid: Grid, gain: "Gain", risk: "Risk", cost: Cost
) -> Iterator[Configuration]:
    """Yield the best few changes of one constant that fit the budget."""
    points = grid.alone(gain.incumbent[0])
    fitting = [cost.fits(grid.configuration(point)) for point in points]
    candidates = points[np.array(fitting)]
    if not len(candidates):
        return
    worth = gain.hoped(candidates) + CAUTION * risk.log_success(candidates)
    for place in np.argsort(-worth, kind="stable")[: DRAWS // 2]:
        yield grid.configuration(candidates[place])


class Gain:
    """The predicted gain of a point on the incumbent: a Gaussian process on warped scores."""

    def __init__(self, space: Space, grid: Grid, history: Sequence[Observation]) -> None:
        scored = [trial for trial in history if trial.value is not None]
        values = np.array([trial.value for trial in scored])
        points = grid.points([trial.configuration for trial in scored])
        best = int(np.argmin(values))
        self.incumbent = points[[best]]
        """(1, d): the point with the best measured score."""
        self.best = scored[best].configuration
        """The configuration there."""
        near = nearest(points, points[best])
        fitted = near[: cut_of(len(near))]
        keys = tuple(scored[place].key for place in fitted)
        theta = _hyperparameters(space, keys, tuple(map(float, warp(values[fitted]))))
        points = points[near]
        targets = warp(values[near])
        self._process = gaussian.condition(points, targets, theta, grid.groups)
        self._goal = float(np.min(self._process.predict(points)[0]))
        pending = [trial.configuration for trial in history if trial.pending]
        if pending:
            # Taken to come out as expected, so that points beside them promise little.
            waiting = grid.points(pending)
            expected = self._process.predict(waiting)[0]
            self._process = gaussian.condition(
                np.vstack([points, waiting]),
                np.concatenate([targets, expected]),
                theta,
                grid.groups,
            )

    def log_expected(self, points: np.ndarray) -> np.ndarray:
        """Return the logarithm of the expected improvement, (m,)."""
        mean, spread = self._process.predict(points)
        return np.asarray(log_improvement((self._goal - mean) / spread) + np.log(spread))

    def hoped(self, points: np.ndarray) -> np.ndarray:
        """Return the expected gain plus LUCK standard deviations, (m,), in warped scores."""
        mean, spread = self._process.predict(points)
        return np.asarray(self._goal - mean + LUCK * spread)


def warp(values: np.ndarray) -> np.ndarray:
    """Return scores with median 0 and deviation 1, the worse half compressed by a logarithm.

    How bad a bad score is does not matter.
    """
    middle = np.median(values)
    unit = max(float(middle - np.min(values)), 1e-12)
    z = (values - middle) / unit
    z = np.where(z > 0, np.log1p(np.maximum(z, 0)), z)
    return np.asarray(z / max(float(np.std(z)), 1e-12))


def log_improvement(z: np.ndarray) -> np.ndarray:
    """Return log(phi(z) + z Phi(z)) without underflow.

    After Ament et al. 2023, arXiv 2310.20708, simplified.
    """
    log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    far = z < -5
    plain = np.log(np.maximum(np.exp(log_density) + z * ndtr(z), 1e-300))
    tail = log_density - 2 * np.log(np.abs(np.where(far, z, 1.0)))
    return np.asarray(np.where(far, tail, plain))


class Risk:
    """The chance of failure of a point, by extremely randomised trees (Geurts et al. 2006).

    Source: doi 10.1007/s10994-006-6226-1. Trees, because what is too large stays too large: beyond
    the outermost failure a Gaussian process is back at its mean.
    """

    def __init__(
        self, grid: Grid, history: Sequence[Observation], rng: np.random.Generator
    ) -> None:
        ended = [trial for trial in history if not trial.pending]
        works = [trial.failure is None for trial in ended]
        self._forest = None
        if not all(works):
            # The import takes most of a second, which a run without a failure need not wait for.
            from sklearn.ensemble import ExtraTreesClassifier

            forest = ExtraTreesClassifier(
                TREES, max_features=COLUMNS, random_state=int(rng.integers(2**31)), n_jobs=1
            )
            points = grid.points([trial.configuration for trial in ended])
            self._forest = forest.fit(points, works)

    def log_success(self, points: np.ndarray) -> np.ndarray:
        """Return the logarithm of the probability of success, (m,)."""
        if self._forest is None:
            return np.zeros(len(points))
        success = list(self._forest.classes_).index(True)
        works = self._forest.predict_proba(points)[:, success]
        return np.asarray(np.log(np.maximum(works, LEAST)))


def nearest(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the indices of the NEAREST points to `centre`, ascending."""
    squared = np.sum((points - centre) ** 2, 1)
    return np.sort(np.argsort(squared, kind="stable")[:NEAREST])


def cut_of(count: int) -> int:
    """Return how many of `count` observations to fit to: a new fit when REFIT of them are new."""
    step = max(int(REFIT * count), 1)
    return count // step * step


@lru_cache(maxsize=8)
def _hyperparameters(space: Space, keys: tuple[Key, ...], targets: tuple[float, ...]) -> np.ndarray:
    """Return the fitted hyperparameters, remembered: fitting is slow and they change little."""
    grid = Grid(space)
    return gaussian.fit(grid.points([dict(key) for key in keys]), np.array(targets), grid.groups)
