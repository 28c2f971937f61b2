"""Nothing is proposed twice: draws until a configuration is new, then changes one at random until it is."""

from collections.abc import Callable, Sequence

import numpy as np

from agent.errors import UsageFault
from agent.propose.search.observe import Observation, key_of
from agent.propose.search.scale import draw_one, is_fixed
from agent.records.proposals import Configuration
from agent.space import Space

DRAWS = 16
PERTURBATIONS = 200


def fresh(
    space: Space,
    seen: Sequence[Observation],
    draw: Callable[[], Configuration],
    rng: np.random.Generator,
) -> Configuration:
    """The first of `draw`'s configurations, as it would really run, that is in none of `seen` and is not the default. What is
    prior was not tried here.

    Where DRAWS were all old, ever more constants of the last one are redrawn. UsageFault where that finds nothing either:
    the space is used up.
    """
    # A list: to look through it once or twice takes less than to hash all of it.
    tried = [
        key_of(space.repair(space.default)),
        *(observation.key for observation in seen if not observation.prior),
    ]
    configuration = space.repair(space.default)
    for _ in range(DRAWS):
        configuration = space.repair(draw())
        if key_of(configuration) not in tried:
            return configuration
    free = [parameter for parameter in space.parameters if not is_fixed(parameter)]
    for count in range(PERTURBATIONS if free else 0):
        chosen = rng.choice(len(free), size=min(1 + count // 20, len(free)), replace=False)
        changed = {free[i].name: draw_one(free[i], rng) for i in chosen}
        perturbed = space.repair({**configuration, **changed})
        if key_of(perturbed) not in tried:
            return perturbed
    message = (
        "every configuration of the search space has been tried"
        if free
        else "train.py has no constants to search"
    )
    raise UsageFault(
        message, "add ranges to autoresearch.toml, or: autoresearch start --model opus"
    )
