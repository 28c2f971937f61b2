"""A surrogate of past trials: a forest that foretells a score, one that foretells failure, and how well both do, cross-validated.

A forest, not the Gaussian process that agent/propose/ has: a surrogate made of the model that one of the methods searches with
would favour that method. It is piecewise constant and has no noise, and it knows nothing beyond its trials: a search can
exploit its errors. Its quality says how much to believe.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import r2_score, roc_auc_score

from agent.benchmark.past import read_past
from agent.benchmark.task import Evaluate, Outcome, Quality, Task
from agent.errors import UsageFault
from agent.propose.search.grid import Grid
from agent.records.proposals import Configuration, Value
from agent.records.results import PriorTrial
from agent.space import Parameter, Space
from agent.space.constants import written

TREES, FOLDS = 100, 5
# Fewer scored trials say nothing of a space; below these a search would mostly see the forest's errors.
LEAST_TRIALS, LEAST_R2, LEAST_RANK = 30, 0.0, 0.3
# Below this it is worth a warning.
FAIR_RANK = 0.6
# Failures fewer than this are too few to model: then none fails.
LEAST_FAILURES = 10
# Numbers whose largest is this many times the smallest are searched by factors, if those who tried them did so as well.
LOG_RATIO = 20.0


def task(name: str) -> Task:
    """The task `trials:FILE`. UsageFault where the file cannot be read, or makes too poor a surrogate."""
    asked = name.partition(":")[2]
    past, path = read_past(asked), Path(asked.partition("#")[0])
    scored = [trial for trial in past if not isinstance(trial.outcome, str)]
    if len(scored) < LEAST_TRIALS:
        message = (
            f"{path} has {len(scored)} trials with a score, and a surrogate needs {LEAST_TRIALS}"
        )
        raise UsageFault(message, "autoresearch bench --tasks valley,scaling,rugged")
    space = space_of(past, scored[0].configuration)
    quality = quality_of(space, past)
    if poor := _poor(quality):
        raise UsageFault(
            f"the surrogate of {path} is too poor to compare methods on: {poor}. {quality}",
            "autoresearch bench --list",
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    about = f"a surrogate of {len(past)} past trials in {path.name}: {quality}{_warning(quality)}"
    source = "".join(f"{p.name} = {written(p.default)}\n" for p in space.parameters)
    return Task(
        f"trials:{path.name}@{digest}",
        about,
        "none: the forest's mean",
        space,
        source,
        lambda seed: make(space, past, seed),
        quality=quality,
    )


def _poor(quality: Quality) -> str:
    if quality.r2 is None or quality.rank is None:
        return "its scores are all alike"
    short = [f"R² {quality.r2:.2f}"] if quality.r2 < LEAST_R2 else []
    short += (
        [f"rank correlation {quality.rank:.2f} below {LEAST_RANK}"]
        if quality.rank < LEAST_RANK
        else []
    )
    return " and ".join(short)


def _warning(quality: Quality) -> str:
    weak = quality.rank is not None and quality.rank < FAIR_RANK
    return "; a weak surrogate: differences between methods may be its errors" if weak else ""


# ---------------------------------------------------------------- the space


def space_of(past: Sequence[PriorTrial], default: Configuration) -> Space:
    """The space that the trials span, from the first scored one; what never changed is left out."""
    columns = {name: [trial.configuration[name] for trial in past] for name in default}
    parameters = [
        _parameter(name, values, default[name])
        for name, values in columns.items()
        if len(set(values)) > 1
    ]
    return Space(parameters=tuple(parameters))


def _parameter(name: str, values: Sequence[Value], default: Value) -> Parameter:
    numbers = [
        value for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < len(values):
        return Parameter(
            name=name, kind="categorical", choices=tuple(dict.fromkeys(values)), default=default
        )
    low, high = min(numbers), max(numbers)
    whole = all(float(number).is_integer() for number in numbers)
    powers = (
        whole
        and all(number >= 1 and math.log2(number).is_integer() for number in numbers)
        and high / low > 2
    )
    log = powers or (low > 0 and high / low >= LOG_RATIO and _by_factors(numbers))
    if not whole:
        return Parameter(
            name=name,
            kind="float",
            low=float(low),
            high=float(high),
            log=log,
            default=float(default),
        )
    return Parameter(
        name=name,
        kind="int",
        low=int(low),
        high=int(high),
        log=log,
        power_of_two=powers,
        default=int(default),
    )


def _by_factors(numbers: Sequence[float]) -> bool:
    """True where the median lies nearer to the middle of a scale of factors than to that of the plain one."""
    low, middle, high = min(numbers), median(numbers), max(numbers)
    plain = (middle - low) / (high - low)
    return abs(math.log(middle / low) / math.log(high / low) - 0.5) < abs(plain - 0.5)


# ---------------------------------------------------------------- the forests


class Surrogate:
    """Two forests fitted to past trials. A place fails where more than half of the second one says so."""

    def __init__(self, space: Space, past: Sequence[PriorTrial], seed: int) -> None:
        self._grid = Grid(space)
        points, scores, failed = _arrays(self._grid, past)
        options = {"n_estimators": TREES, "random_state": seed, "max_features": 0.5, "n_jobs": 1}
        self._score = RandomForestRegressor(**options).fit(points[~failed], scores[~failed])
        enough = LEAST_FAILURES <= int(failed.sum()) < len(failed)
        self._failure = (
            RandomForestClassifier(**options, min_samples_leaf=3).fit(points, failed)
            if enough
            else None
        )

    def score(self, points: np.ndarray) -> np.ndarray:
        """(n,) the mean of the trees."""
        return np.asarray(self._score.predict(points))

    def risk(self, points: np.ndarray) -> np.ndarray:
        """(n,) the share of the trees that foretell a failure."""
        if self._failure is None:
            return np.zeros(len(points))
        return np.asarray(self._failure.predict_proba(points)[:, 1])

    def outcome(self, configuration: Configuration) -> Outcome:
        """What became of it, as the forests foretell."""
        point = self._grid.points([configuration])
        if self.risk(point)[0] > 0.5:
            return Outcome("oom")
        score = float(self.score(point)[0])
        return Outcome(score, score)


def make(space: Space, past: Sequence[PriorTrial], seed: int) -> Evaluate:
    """The function of a seed, which decides the forests' draws. The start is known to work, whatever lies around it."""
    surrogate = Surrogate(space, past, seed)

    def evaluate(configuration: Configuration, _: int) -> Outcome:
        if configuration == space.default:
            score = float(surrogate.score(Grid(space).points([configuration]))[0])
            return Outcome(score, score)
        return surrogate.outcome(configuration)

    return evaluate


def quality_of(space: Space, past: Sequence[PriorTrial]) -> Quality:
    """How well the forests foretell trials of folds that they have not seen. Equal configurations stay in one fold: a trial that
    was repeated would be foretold by its twin."""
    points, scores, failed = _arrays(Grid(space), past)
    foretold, risk = np.zeros(len(past)), np.zeros(len(past))
    for fold in _folds(points):
        rest = [trial for place, trial in enumerate(past) if place not in fold]
        held = sorted(fold)
        surrogate = Surrogate(space, rest, 0)
        foretold[held], risk[held] = surrogate.score(points[held]), surrogate.risk(points[held])
    true, guess = scores[~failed], foretold[~failed]
    varied = float(np.std(true)) > 0 and float(np.std(guess)) > 0
    return Quality(
        trials=len(past),
        failed=int(failed.sum()),
        folds=FOLDS,
        r2=float(r2_score(true, guess)) if varied else None,
        rank=float(spearmanr(true, guess).statistic) if varied else None,
        auc=float(roc_auc_score(failed, risk))
        if LEAST_FAILURES <= failed.sum() < len(failed)
        else None,
    )


def _folds(points: np.ndarray) -> list[set[int]]:
    _, group = np.unique(points, axis=0, return_inverse=True)
    fold = np.random.default_rng(0).permutation(int(group.max()) + 1) % FOLDS
    return [set(np.flatnonzero(fold[group.ravel()] == number).tolist()) for number in range(FOLDS)]


def _arrays(grid: Grid, past: Sequence[PriorTrial]) -> tuple[np.ndarray, np.ndarray, Any]:
    """Points (n, d), scores (n,) with 0 where there is none, and which failed (n,)."""
    failed = np.array([isinstance(trial.outcome, str) for trial in past])
    scores = np.array([0.0 if isinstance(trial.outcome, str) else trial.outcome for trial in past])
    return grid.points([trial.configuration for trial in past]), scores, failed
