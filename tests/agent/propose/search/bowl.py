"""A loss over the example's constants, and histories of methods on it."""

import math
from typing import Literal

from agent.propose import Observation
from agent.propose.search.suggest import Suggest
from agent.records.proposals import Configuration
from agent.space import Space
from tests.agent.propose.example import SPACE


def loss(configuration: Configuration) -> float | Literal["oom"]:
    """Return a loss that is least at MATRIX_LR 0.02 and DEPTH 12; too deep fails."""
    depth = float(configuration["DEPTH"])
    rate = float(configuration["MATRIX_LR"])
    if depth > 18:
        return "oom"
    return 1.0 + 0.02 * abs(depth - 12) + 0.1 * abs(math.log(rate / 0.02))


def history(suggest: Suggest, count: int, space: Space = SPACE, seed: int = 3) -> list[Observation]:
    """Return the baseline and `count` suggestions with their outcomes."""
    trials = [Observation(space.default, loss(space.default))]
    for _ in range(count):
        configuration = suggest(space, trials, seed)
        trials.append(Observation(configuration, loss(configuration)))
    return trials
