"""A search method as a library: from a space and earlier results to the next configurations."""

from collections.abc import Sequence
from typing import Protocol

from agent.propose.search.observe import Observation
from agent.records.proposals import Configuration
from agent.space import Space


class Suggest(Protocol):
    """A search method."""

    def __call__(
        self, space: Space, observations: Sequence[Observation], seed: int
    ) -> Configuration:
        """Return the next configuration; the same for the same arguments.

        It is valid in `space` and new among `observations`, pending ones included. Raise UsageFault
        if none is left.
        """
        ...


def batch(
    suggest: Suggest, space: Space, observations: Sequence[Observation], seed: int, count: int
) -> list[Configuration]:
    """Return the next `count` configurations to try at once.

    Each is asked for while those before it are pending.
    """
    history = list(observations)
    configurations = []
    for _ in range(count):
        configuration = suggest(space, history, seed)
        configurations.append(configuration)
        history.append(Observation(configuration))
    return configurations
