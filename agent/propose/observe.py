"""Turns the ledger into what a search method learns from: configurations, and what became of them."""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from pydantic import FiniteFloat

from agent.propose.context import Context
from agent.records import FAILED, SCORED, Configuration, Proposal, SetConstant, Value
from agent.space import Space, read_constants
from sandbox.record import Record

Key = tuple[tuple[str, Value], ...]


class Observation(Record):
    """One configuration and its value (lower is better); None where it failed, or where it is still pending."""

    configuration: Configuration
    value: FiniteFloat | None = None
    pending: bool = False


def observe(context: Context) -> tuple[Observation, ...]:
    """The trials that ran, oldest first, and then the pending proposals, as they would run on the tip."""
    done = [
        Observation.model_construct(configuration=trial.configuration, value=trial.value, pending=False)
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
    return [
        Observation.model_construct(configuration=repaired(key_of(seen.configuration)), value=seen.value, pending=seen.pending)
        for seen in observations
    ]


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
