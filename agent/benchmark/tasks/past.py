"""A surrogate of past trials: one forest predicts the score, another the failures.

Forests, and not the Gaussian process of agent/propose/: a surrogate of the kind that one of the
methods searches with would favour that method. It is piecewise constant and has no noise, and it
knows nothing beyond its trials: a search can exploit its errors. Its quality, cross-validated,
tells how much to believe.
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
from agent.records.bounded import is_number
from agent.records.proposals import Configuration, Value
from agent.records.results import PriorTrial
from agent.space import Parameter, Space
from agent.space.constants import written

TREES = 100
FOLDS = 5
# Fewer scored trials say nothing of a space.
LEAST_TRIALS = 30
# Each fold needs some that the others lack.
LEAST_CONFIGURATIONS = 10
# Below these a search would mostly see the forest's errors.
LEAST_R2 = 0.0
LEAST_RANK = 0.3
# A rank correlation below this is worth a warning.
FAIR_RANK = 0.6
# Fewer failures than this are too few to model: then none fails.
LEAST_FAILURES = 10
# Numbers whose largest is this many times the smallest are searched on a logarithmic scale, if the
# past trials are spread that way as well.
LOG_RATIO = 20.0


def task(name: str) -> Task:
    """Return the task `trials:FILE`.

    Raise UsageFault if the file cannot be read, or makes too poor a surrogate.
    """
    argument = name.partition(":")[2]
    past = read_past(argument)
    path = Path(argument.partition("#")[0])
    scored = [trial for trial in past if not isinstance(trial.outcome, str)]
    if len(scored) < LEAST_TRIALS:
        message = (
            f"{path} has {len(scored)} trials with a score, and a surrogate needs {LEAST_TRIALS}"
        )
        raise UsageFault(message, "autoresearch bench --tasks valley,scaling,rugged")
    different = len({tuple(trial.configuration.items()) for trial in scored})
    if different < LEAST_CONFIGURATIONS:
        message = (
            f"{path} has {len(scored)} trials with a score, of {different} configurations, and a "
            f"surrogate needs {LEAST_CONFIGURATIONS}"
        )
        raise UsageFault(message, "autoresearch bench --tasks valley,scaling,rugged")
    space = space_of(past, scored[0].configuration)
    quality = quality_of(space, past)
    poor = _poor(quality)
    if poor:
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
    reasons = []
    if quality.r2 < LEAST_R2:
        reasons.append(f"R² {quality.r2:.2f}")
    if quality.rank < LEAST_RANK:
        reasons.append(f"rank correlation {quality.rank:.2f} below {LEAST_RANK}")
    return " and ".join(reasons)


def _warning(quality: Quality) -> str:
    weak = quality.rank is not None and quality.rank < FAIR_RANK
    return "; a weak surrogate: differences between methods may be its errors" if weak else ""


# ---------------------------------------------------------------- the space


def space_of(past: Sequence[PriorTrial], default: Configuration) -> Space:
    """Return the space that the trials span, from `default`; what never changed is left out."""
    parameters = []
    for name, value in default.items():
        values = [trial.configuration[name] for trial in past]
        if len(set(values)) > 1:
            parameters.append(_parameter(name, values, value))
    return Space(parameters=tuple(parameters))


def _parameter(name: str, values: Sequence[Value], default: Value) -> Parameter:
    numbers = [value for value in values if is_number(value)]
    if len(numbers) < len(values):
        return Parameter(
            name=name, kind="categorical", choices=tuple(dict.fromkeys(values)), default=default
        )
    low = min(numbers)
    high = max(numbers)
    whole = all(float(number).is_integer() for number in numbers)
    powers = whole and _powers_of_two(numbers) and high / low > 2
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


def _powers_of_two(numbers: Sequence[float]) -> bool:
    return all(number >= 1 and math.log2(number).is_integer() for number in numbers)


def _by_factors(numbers: Sequence[float]) -> bool:
    """Return whether the median is nearer to the middle of a logarithmic scale than of a linear."""
    low = min(numbers)
    middle = median(numbers)
    high = max(numbers)
    plain = (middle - low) / (high - low)
    return abs(math.log(middle / low) / math.log(high / low) - 0.5) < abs(plain - 0.5)


# ---------------------------------------------------------------- the forests


class Surrogate:
    """Two forests fitted to past trials; a point fails if more than half of the second say so."""

    def __init__(self, space: Space, past: Sequence[PriorTrial], seed: int) -> None:
        self._grid = Grid(space)
        points, scores, failed = _arrays(self._grid, past)
        options = {"n_estimators": TREES, "random_state": seed, "max_features": 0.5, "n_jobs": 1}
        self._score = RandomForestRegressor(**options).fit(points[~failed], scores[~failed])
        enough = LEAST_FAILURES <= int(failed.sum()) < len(failed)
        self._failure = None
        if enough:
            forest = RandomForestClassifier(**options, min_samples_leaf=3)
            self._failure = forest.fit(points, failed)

    def score(self, points: np.ndarray) -> np.ndarray:
        """Return (n,) scores: the mean of the trees."""
        return np.asarray(self._score.predict(points))

    def risk(self, points: np.ndarray) -> np.ndarray:
        """Return (n,) risks: the share of the trees that predict a failure."""
        if self._failure is None:
            return np.zeros(len(points))
        return np.asarray(self._failure.predict_proba(points)[:, 1])

    def outcome(self, configuration: Configuration) -> Outcome:
        """Return the outcome that the forests predict."""
        point = self._grid.points([configuration])
        if self.risk(point)[0] > 0.5:
            return Outcome("oom")
        score = float(self.score(point)[0])
        return Outcome(score, score)


def make(space: Space, past: Sequence[PriorTrial], seed: int) -> Evaluate:
    """Return the function of a seed, which decides the forests' draws.

    The start is known to work, whatever the forest predicts around it.
    """
    surrogate = Surrogate(space, past, seed)

    def evaluate(configuration: Configuration, _: int) -> Outcome:
        if configuration == space.default:
            score = float(surrogate.score(Grid(space).points([configuration]))[0])
            return Outcome(score, score)
        return surrogate.outcome(configuration)

    return evaluate


def quality_of(space: Space, past: Sequence[PriorTrial]) -> Quality:
    """Return how well the forests predict trials of folds that they have not seen.

    Equal configurations stay in one fold: a repeated trial would be predicted by its twin.
    """
    points, scores, failed = _arrays(Grid(space), past)
    predicted = np.zeros(len(past))
    risk = np.zeros(len(past))
    for fold in _folds(points):
        rest = [trial for place, trial in enumerate(past) if place not in fold]
        held = sorted(fold)
        surrogate = Surrogate(space, rest, 0)
        predicted[held] = surrogate.score(points[held])
        risk[held] = surrogate.risk(points[held])
    true = scores[~failed]
    guess = predicted[~failed]
    enough = LEAST_FAILURES <= int(failed.sum()) < len(failed)
    varied = float(np.std(true)) > 0 and float(np.std(guess)) > 0
    return Quality(
        trials=len(past),
        failed=int(failed.sum()),
        folds=FOLDS,
        r2=float(r2_score(true, guess)) if varied else None,
        rank=float(spearmanr(true, guess).statistic) if varied else None,
        auc=float(roc_auc_score(failed, risk)) if enough else None,
    )


def _folds(points: np.ndarray) -> list[set[int]]:
    _, group = np.unique(points, axis=0, return_inverse=True)
    fold = np.random.default_rng(0).permutation(int(group.max()) + 1) % FOLDS
    return [set(np.flatnonzero(fold[group.ravel()] == number).tolist()) for number in range(FOLDS)]


def _arrays(grid: Grid, past: Sequence[PriorTrial]) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return points (n, d), scores (n,) with 0 for a failure, and which failed (n,)."""
    failed = np.array([isinstance(trial.outcome, str) for trial in past])
    scores = np.array([0.0 if isinstance(trial.outcome, str) else trial.outcome for trial in past])
    return grid.points([trial.configuration for trial in past]), scores, failed
