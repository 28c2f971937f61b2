"""What methods are compared on: a space with a start, and a function of it for each seed."""

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
    """The result of one evaluation."""

    measured: float | Failure
    """The score as the method sees it (lower is better), or why there is none."""
    true: float | None = None
    """The score without the noise, if it is known; the method never sees it."""
    curve: Curve = ()


Evaluate = Callable[[Configuration, int], Outcome]
"""Evaluates a configuration, given the number of its trial; the same arguments give the same
outcome wherever time plays no part."""


class Quality(Record):
    """How well a surrogate predicts trials that it has not seen, cross-validated.

    A measure is None if there are too few trials for it.
    """

    trials: int
    failed: int
    folds: int
    r2: float | None = None
    """Share of the variance that is explained."""
    rank: float | None = None
    """Spearman's correlation."""
    auc: float | None = None
    """Of predicted failures; 0.5 is guessing."""

    def __str__(self) -> str:
        parts = []
        if self.r2 is not None:
            parts.append(f"R² {self.r2:.2f}")
        if self.rank is not None:
            parts.append(f"rank correlation {self.rank:.2f}")
        if self.auc is None:
            parts.append("failures too few to model")
        else:
            parts.append(f"AUC of failures {self.auc:.2f}")
        trials = f"{self.folds}-fold, {self.trials} trials, {self.failed} of them failed"
        return f"{', '.join(parts)} ({trials})"


@dataclass(frozen=True)
class Task:
    """A family of functions over one space."""

    name: str
    about: str
    """One line, for people."""
    noise: str
    """Which part of a score is chance, in words."""
    space: Space
    source: str
    """The space as a train.py, for methods that read one."""
    make: Callable[[int], Evaluate]
    """Returns the function of a seed."""
    program: str = "Find the constants with the lowest score."
    """What a model is told of the goal."""
    quality: Quality | None = None
    """Of a surrogate."""


def noise_of(seed: int, trial: int) -> float:
    """Return the standard normal noise of a trial.

    Every method meets the same stream, and a resumed run continues in it.
    """
    return float(np.random.default_rng(seed + 1_000).standard_normal(trial + 1)[-1])


def constant_name(name: str) -> str:
    """Return what a constant of train.py would be called: OPTIMIZER_LR for `optimizer.lr`."""
    plain = re.sub(r"\W+", "_", name).strip("_").upper()
    return plain if plain[:1].isalpha() else f"P_{plain}"
