"""Random search: each configuration drawn anew, uniform on every constant's own scale."""

from collections.abc import Sequence

from agent.propose.fresh import fresh
from agent.propose.observe import Observation, fit
from agent.propose.scale import draw, generator
from agent.records import Configuration
from agent.space import Space


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    return fresh(space, fit(space, observations), lambda: draw(space, rng), rng)
