"""Random search: each configuration drawn anew, uniform on every constant's own scale."""

from collections.abc import Sequence

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import draw, generator
from agent.records.proposals import Configuration
from agent.space import Space


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments."""
    rng = generator(seed, len(observations))
    return fresh(space, fit(space, observations), lambda: draw(space, rng), rng)
