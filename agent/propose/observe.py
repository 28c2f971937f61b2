"""Turns the ledger into what a search method learns from: configurations, and what became of them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

from agent.propose.context import Context
from agent.records import FAILED, SCORED, Configuration, Proposal, SetConstant, Value
from agent.space import Space, read_constants

Key = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Observation:
    """One configuration and its value (lower is better); None where it failed, or where it is still pending.

    No pydantic record: a history of a thousand is made anew for each proposal. ValueError for a value that is not finite.
    """

    configuration: Configuration
    value: float | None = None
    pending: bool = False

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.value} is no score: a failed configuration has the value None")

    @cached_property
    def key(self) -> Key:
        """The key of its configuration."""
        return key_of(self.configuration)


def observe(context: Context) -> tuple[Observation, ...]:
    """The trials that ran, oldest first, and then the pending proposals, as they would run on the tip."""
    done = [
        Observation(trial.configuration, trial.value)
        for trial in context.trials
        if trial.status in SCORED or trial.status in FAILED
    ]
    tip = context.space.default
    waiting = [Observation(configuration={**tip, **constants_of(proposal)}, pending=True) for proposal in context.pending]
    return (*done, *waiting)


def constants_of(proposal: Proposal) -> Configuration:
    """The constants that a proposal sets."""
    lines = [f"{edit.name} = {edit.value}" for edit in proposal.edits if isinstance(edit, SetConstant)]
    return read_constants("\n".join(lines)) if lines else {}


def fit(space: Space, observations: Iterable[Observation]) -> list[Observation]:
    """The observations inside `space`: what one lacks was at its default then, what the space lacks is left out."""
    repaired = _repairs(space)
    fitting = ((seen, repaired(seen.key)) for seen in observations)
    return [seen if seen.configuration == fit else replace(seen, configuration=fit) for seen, fit in fitting]


@lru_cache(maxsize=4)
def _repairs(space: Space) -> Callable[[Key], Configuration]:
    """Repairs into `space`, remembered: a history is fitted anew for each proposal, and all but its end is the same."""

    @cache
    def repaired(key: Key) -> Configuration:
        return space.repair(dict(key))

    return repaired


def key_of(configuration: Configuration) -> Key:
    """Equal for equal configurations, whatever the order."""
    return tuple(sorted(configuration.items()))
