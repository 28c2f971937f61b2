"""Estimates the cost of a training step from the constants, and so the steps in the budget.

A step's cost is taken to be a product of powers of the constants. What a constant is called tells
its power roughly: twice the batch is twice the work, twice the rate is not. Finished trials, whose
steps a second are known, correct that.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.edit.files import split_name
from agent.propose.search.observe import Observation
from agent.records.proposals import Configuration
from agent.space import Parameter, Space
from agent.space.knobs.evidence import lower_words, words_of

# A training of fewer steps than this, and of fewer than the constants as they stand make, is not
# worth its time.
LEAST_STEPS = 100.0
# With a budget in steps a training may take half as long again as the baseline; the estimate may be
# a little too low.
MOST_TIME = 1.4
# Standard deviation of a measured logarithm of a cost that is no product of powers.
SCATTER = 0.15


@dataclass(frozen=True)
class Power:
    """The estimated power of one constant in the cost of a step, with its uncertainty."""

    mean: float
    deviation: float


_RATE = re.compile(
    r"(^|_)(LR|RATES?|DROPOUT|DECAY|WD|BETAS?|MOMENTUM|FRAC|PROB|EPS|EPSILON)\d?(_|$)"
)
_PART_OF_A_BATCH = re.compile(r"(^|_)(DEVICE|MICRO|MINI)_.*BATCH")
# The first pattern that a name matches tells its power.
_POWERS = (
    (_RATE, Power(0.0, 0.05)),
    (re.compile(r"BATCH|ACCUM"), Power(1.0, 0.2)),
    (re.compile(r"(^|_)(SEQ|SEQUENCE|CONTEXT|BLOCK_SIZE)(_|$)"), Power(1.0, 0.3)),
    (re.compile(r"(^|_)(N?_?LAYERS?|DEPTH|BLOCKS)(_|$)"), Power(1.3, 0.5)),
    (re.compile(r"(^|_)(N?_?HEADS?|HEAD_DIM)(_|$)"), Power(0.0, 0.3)),
    (re.compile(r"(^|_)(MLP|FFN?|EXPANSION)(_|$)"), Power(0.5, 0.3)),
    (
        re.compile(r"(^|_)(WIDTH|DIM|HIDDEN|CHANNELS?|FILTERS?|UNITS|N_EMBD|ASPECT_RATIO)(_|$)"),
        Power(1.3, 0.5),
    ),
)
_PART = Power(0.0, 0.3)
_COUNT = Power(0.0, 0.4)
_NUMBER = Power(0.0, 0.1)


def plain(name: str) -> str:
    """Return a constant's local name in upper case, with its words between underscores.

    Its file says where it is and not what it is.
    """
    return lower_words(split_name(name)[1]).upper()


def is_rate(name: str) -> bool:
    """Return whether a constant is called a learning rate."""
    return bool(re.search(r"(^|_)(LR|LEARNING_RATE|STEP_SIZE)\d?$", plain(name)))


def power_of(parameter: Parameter, space: Space) -> Power:
    """Return the prior of a constant's power by its name: by its last part, else by all of it."""
    name = plain(parameter.name)
    batches = [other for other in space.names if "BATCH" in plain(other)]
    if _PART_OF_A_BATCH.search(name) and len(batches) > 1:
        return _PART
    for words in (words_of(parameter.name).upper(), name):
        for pattern, power in _POWERS:
            if pattern.search(words):
                return power
    return _COUNT if parameter.kind == "int" else _NUMBER


class Cost:
    """The cost of a step relative to that with the present constants."""

    def __init__(self, space: Space, history: Sequence[Observation]) -> None:
        self._numbers = [p for p in space.parameters if p.kind != "categorical"]
        powers = [power_of(parameter, space) for parameter in self._numbers]
        self._powers = np.array([power.mean for power in powers])
        start = space.repair(space.default)
        timed = [trial for trial in history if trial.speed and not trial.prior]
        at_start = [trial for trial in timed if trial.configuration == start]
        reference = next(iter((*reversed(at_start), *timed)), None)
        self._reference = reference
        self._origin = self._logs(reference.configuration if reference else start)
        if reference and len(timed) > 1:
            self._learn(timed, reference, np.array([power.deviation for power in powers]))

    @property
    def steps(self) -> float | None:
        """The number of steps in the budget with the reference constants."""
        return self._reference.steps if self._reference else None

    def _learn(
        self, timed: Sequence[Observation], reference: Observation, deviations: np.ndarray
    ) -> None:
        """Update the powers from trials, by Bayesian linear regression on logarithms."""
        moves = np.array([self._logs(trial.configuration) - self._origin for trial in timed])
        speeds = np.array([trial.speed for trial in timed])
        costs = np.log(reference.speed / speeds)
        spread = moves * deviations**2
        covariance = spread @ moves.T + SCATTER**2 * np.eye(len(timed))
        surprise = costs - moves @ self._powers
        self._powers = self._powers + spread.T @ np.linalg.solve(covariance, surprise)

    def _logs(self, configuration: Configuration) -> np.ndarray:
        """Return the logarithms of the numbers; of those that are not positive, 0."""
        values = [float(configuration[parameter.name]) for parameter in self._numbers]
        return np.array([np.log(value) if value > 0 else 0.0 for value in values])

    def relative(self, configuration: Configuration) -> float:
        """Return the cost of a step in units of the reference's."""
        moved = self._logs(configuration) - self._origin
        return float(np.exp(np.clip(moved @ self._powers, -50, 50)))

    def fitting_first(self, configurations: Iterable[Configuration]) -> Iterator[Configuration]:
        """Yield the configurations that fit the budget, and then the others, each in order."""
        rest = []
        for configuration in configurations:
            if self.fits(configuration):
                yield configuration
            else:
                rest.append(configuration)
        yield from rest

    def fits(self, configuration: Configuration) -> bool:
        """Return whether a training makes enough steps in its budget; True if unknown."""
        if self._reference is None:
            return True
        cost = self.relative(configuration)
        if self.steps is None:
            return cost <= MOST_TIME
        return self.steps / cost >= min(LEAST_STEPS, 0.9 * self.steps)
