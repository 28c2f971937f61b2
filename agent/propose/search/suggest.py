"""A search method as a library: from a space and what became of earlier configurations to the next ones."""

from collections.abc import Sequence
from typing import Protocol

from agent.propose.search.observe import Observation
from agent.records.proposals import Configuration
from agent.space import Space


class Suggest(Protocol):
    """The next configuration. The same for the same arguments, valid in `space`, and new among `observations`, the pending
    ones included. UsageFault where there is none left."""

    def __call__(
        self, space: Space, observations: Sequence[Observation], seed: int
    ) -> Configuration: ...


def batch(
    suggest: Suggest, space: Space, observations: Sequence[Observation], seed: int, count: int
) -> list[Configuration]:
    """The next `count` configurations to try at once: each is asked for with those before it pending."""
    seen = list(observations)
    for _ in range(count):
        seen.append(Observation(suggest(space, seen, seed)))
    return [observation.configuration for observation in seen[len(observations) :]]
