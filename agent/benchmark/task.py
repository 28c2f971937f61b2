"""What methods are compared on: a space that starts at its defaults, and for each seed a function of its configurations."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.propose.search.observe import Curve
from agent.records.proposals import Configuration
from agent.records.results import Failure
from agent.space import Space
from sandbox.ground.record import Record


@dataclass(frozen=True)
class Outcome:
    """What one evaluation gave. measured: the score as the method sees it (lower is better), or why there is none.

    true: the score without the noise, where somebody knows it; the method never sees it.
    """

    measured: float | Failure
    true: float | None = None
    curve: Curve = ()


Evaluate = Callable[[Configuration, int], Outcome]
"""Of a configuration that is the given one in the order of the trials; the same for the same arguments wherever time is no part
of it."""


class Quality(Record):
    """How well a surrogate foretells trials that it has not seen: cross-validated, None where there is too little to say it.

    r2: share of the variance explained. rank: Spearman's correlation. auc: of the failures (0.5 is guessing).
    """

    trials: int
    failed: int
    folds: int
    r2: float | None
    rank: float | None
    auc: float | None

    def __str__(self) -> str:
        said = [
            f"{name} {value:.2f}"
            for name, value in (("R²", self.r2), ("rank correlation", self.rank))
            if value is not None
        ]
        failures = (
            f"AUC of failures {self.auc:.2f}"
            if self.auc is not None
            else "failures too few to model"
        )
        return f"{', '.join([*said, failures])} ({self.folds}-fold, {self.trials} trials, {self.failed} of them failed)"


@dataclass(frozen=True)
class Task:
    """A family of functions over `space`: `make(seed)` is one of them.

    about: in one line, for people. noise: what of a score is chance, in words. source: the space as a train.py, for methods that
    read one. program: what a model is told of the goal. quality: of a surrogate.
    """

    name: str
    about: str
    noise: str
    space: Space
    source: str
    make: Callable[[int], Evaluate]
    program: str = "Find the constants with the lowest score."
    quality: Quality | None = None


def noise_of(seed: int, trial: int) -> float:
    """The standard normal noise of a trial: every method meets the same stream, and a resumed one goes on in it."""
    return float(np.random.default_rng(seed + 1_000).standard_normal(trial + 1)[-1])


def constant_name(name: str) -> str:
    """`optimizer.lr` as a constant of a train.py would be called: OPTIMIZER_LR."""
    plain = re.sub(r"\W+", "_", name).strip("_").upper()
    return plain if plain[:1].isalpha() else f"P_{plain}"
