"""The first moves of a search: one constant at a time, the most important first.

Changing all constants at once mostly makes things worse, and does not show why. The order follows
general knowledge of trainings. The cost of a step decides how many steps are made, and a training
of few steps gains by cheaper ones: so the move that changes the cost most is the first. Then follow
the learning rates. Each is tried once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.propose.search.cost import Cost, is_rate, power_of
from agent.propose.search.observe import Observation
from agent.propose.search.scale import from_unit, is_fixed, to_unit
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# So many trials begin a search.
TRIALS = 10
# What decides the cost of a step moves by a factor, a rate by a share of its range: timid steps
# teach little.
FACTOR = 2.0
STEP = 0.25
# A training of more steps than this gains by costlier ones.
MANY_STEPS = 30_000
# A constant whose power in the cost of a step is at least this decides it.
COSTLY = 0.9


@dataclass(frozen=True)
class Move:
    """A change of one constant to another value."""

    name: str
    configuration: Configuration
    saving: float
    """By how much a step's cost changes, as the size of its logarithm."""


def is_open(history: Sequence[Observation]) -> bool:
    """Return whether the search is at its beginning: few trials, and no prior ones."""
    return len(history) <= TRIALS and not any(trial.prior for trial in history)


def moves(
    space: Space,
    history: Sequence[Observation],
    centre: Configuration,
    cost: Cost,
    rng: np.random.Generator,
) -> Iterator[Configuration]:
    """Yield changes of one constant of `centre` that fit the budget, the most important first.

    Constants that were tried alone are left out. The direction of a learning rate is random.
    """
    tried = tried_alone(space, history)
    first: list[Move] = []
    for parameter in space.parameters:
        if parameter.name not in tried and not is_fixed(parameter):
            first += _moves_of(parameter, space, centre, cost, rng)
    for move in sorted(first, key=lambda move: -move.saving):
        if cost.fits(move.configuration):
            yield move.configuration


def tried_alone(space: Space, history: Sequence[Observation]) -> set[str]:
    """Return the constants that are the only difference between two trials."""
    names = set()
    for place, trial in enumerate(history):
        for other in history[:place]:
            changed = _changed(space, trial.configuration, other.configuration)
            if len(changed) == 1:
                names.add(changed[0])
    return names


def _changed(space: Space, left: Configuration, right: Configuration) -> list[str]:
    return [name for name in space.names if left[name] != right[name]]


def _moves_of(
    parameter: Parameter,
    space: Space,
    centre: Configuration,
    cost: Cost,
    rng: np.random.Generator,
) -> list[Move]:
    """Return the moves of a constant in the direction that it should try first; often none."""
    value: Value
    if parameter.kind == "categorical":
        return []
    if power_of(parameter, space).mean >= COSTLY:
        value = _scaled(parameter, centre, cost)
    elif is_rate(parameter.name):
        value = _shifted(parameter, centre, STEP if rng.integers(2) else -STEP)
    else:
        return []
    configuration = space.repair({**centre, parameter.name: value})
    if configuration == centre:
        return []
    saving = abs(math.log(cost.relative(configuration) / cost.relative(centre)))
    return [Move(parameter.name, configuration, saving)]


def _scaled(parameter: Parameter, centre: Configuration, cost: Cost) -> float:
    """Return the value that makes a step cheaper; costlier if the budget has many steps."""
    many = cost.steps is not None and cost.steps > MANY_STEPS
    return float(centre[parameter.name]) * (FACTOR if many else 1 / FACTOR)


def _shifted(parameter: Parameter, centre: Configuration, step: float) -> Value:
    return from_unit(parameter, to_unit(parameter, centre[parameter.name]) + step)
