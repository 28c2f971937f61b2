"""Proposes nothing twice: draws until a configuration is new, then changes one at random."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from agent.errors import UsageFault
from agent.propose.search.observe import Key, Observation, key_of
from agent.propose.search.scale import draw_one, is_fixed
from agent.records.proposals import Configuration
from agent.space import Space

DRAWS = 16
PERTURBATIONS = 200
# After so many failed perturbations one more constant is redrawn.
PERTURBATIONS_A_SIZE = 20


def fresh(
    space: Space,
    history: Sequence[Observation],
    draw: Callable[[], Configuration],
    rng: np.random.Generator,
) -> Configuration:
    """Return the first configuration of `draw`, repaired to the space, that is not in the history.

    The default counts as tried, prior trials do not. After DRAWS old ones in a row, more and more
    constants of the last one are redrawn. Raise UsageFault if that finds nothing new either.
    """
    # A list: looking through it once or twice takes less than hashing all of it.
    tried = [key_of(space.repair(space.default))]
    tried += [trial.key for trial in history if not trial.prior]
    configuration = space.repair(space.default)
    for _ in range(DRAWS):
        configuration = space.repair(draw())
        if key_of(configuration) not in tried:
            return configuration
    return _perturbed(space, configuration, tried, rng)


def _perturbed(
    space: Space, configuration: Configuration, tried: Collection[Key], rng: np.random.Generator
) -> Configuration:
    """Return `configuration` with some constants redrawn; raise UsageFault if all was tried."""
    free = [parameter for parameter in space.parameters if not is_fixed(parameter)]
    if not free:
        raise _used_up("there are no constants to search")
    for attempt in range(PERTURBATIONS):
        size = min(1 + attempt // PERTURBATIONS_A_SIZE, len(free))
        chosen = rng.choice(len(free), size=size, replace=False)
        redrawn = {free[place].name: draw_one(free[place], rng) for place in chosen}
        perturbed = space.repair({**configuration, **redrawn})
        if key_of(perturbed) not in tried:
            return perturbed
    raise _used_up("every configuration of the search space has been tried")


def _used_up(message: str) -> UsageFault:
    message = f"{message}: state more ranges in autoresearch.toml, or start with a model"
    return UsageFault(message, "autoresearch space")
