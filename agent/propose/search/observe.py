"""Turns the ledger into what a search method learns from: configurations, and what became of them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import median
from typing import Any, Literal, cast

from agent.judge.pruning import loss_at
from agent.propose.context import Context
from agent.records.edits import SetConstant
from agent.records.proposals import Configuration, Proposal, Value
from agent.records.results import FAILED, SCORED, Failure, Trial
from agent.space import Space, read_constants

PRUNED = "pruned"
# Of the finished trials that had a lower loss at that point, the nearest so many.
NEIGHBOURS = 3
# A history is looked at anew for each proposal; of so many trials it is remembered what came of that.
REMEMBERED = 4096
Key = tuple[tuple[str, Value], ...]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Observation:
    """One configuration and what became of it: its score (lower is better), the name of its failure, "pruned" where its training
    was given up, or None while it is pending.

    curve: points (fraction of the budget, training loss), of a failed run as far as it came. prior: of another run or tool; it
    teaches like any other, and may be proposed. No pydantic record: a history of a thousand is made anew for each proposal.
    ValueError for a score that is not finite, and for a failure of another name.
    """

    configuration: Configuration
    outcome: float | Failure | Literal["pruned"] | None = None
    curve: Curve = ()
    prior: bool = False
    estimated: bool = False
    """Given up, with the score that `fit` takes it for."""

    def __post_init__(self) -> None:
        named = isinstance(self.outcome, str)
        if named and self.outcome not in {*FAILED, PRUNED}:
            raise ValueError(
                f"{self.outcome!r} is no failure; there are {', '.join(sorted(FAILED))}, and {PRUNED}"
            )
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(
                f"{self.outcome} is no score: a failed configuration has the name of its failure"
            )

    @property
    def value(self) -> float | None:
        """The score, or None where there is none."""
        return None if isinstance(self.outcome, str) else self.outcome

    @property
    def failure(self) -> Failure | None:
        """Why there will be no score, or None."""
        return self.outcome if isinstance(self.outcome, str) and self.outcome != "pruned" else None

    @property
    def pruned(self) -> bool:
        """True where its training was given up, and `fit` has not taken it for a score yet."""
        return self.outcome == PRUNED

    @property
    def pending(self) -> bool:
        """True while nothing is known of it."""
        return self.outcome is None

    @cached_property
    def key(self) -> Key:
        """The key of its configuration."""
        return key_of(self.configuration)


def observe(context: Context) -> tuple[Observation, ...]:
    """Prior trials, the trials that ran, oldest first, and then the pending proposals, as they would run on the tip."""
    done = [observed for trial in context.trials if (observed := _observed(_Same(trial)))]
    tip = context.space.default
    waiting = [Observation({**tip, **constants_of(proposal)}) for proposal in context.pending]
    return (*_on_our_footing(context, done), *done, *waiting)


def _on_our_footing(context: Context, done: Sequence[Observation]) -> list[Observation]:
    """The prior trials, moved by the median difference of what both sides scored: theirs is another machine, budget or data.
    As they are where no configuration is common to both."""
    theirs = [
        Observation(told.configuration, told.outcome, told.curve, prior=True)
        for told in context.prior
    ]
    ours = (
        {seen.key: seen.value for seen in fit(context.space, done) if seen.value is not None}
        if theirs
        else {}
    )
    common = [
        ours[seen.key] - seen.value
        for seen in fit(context.space, theirs)
        if seen.value is not None and seen.key in ours
    ]
    move = median(common) if common else 0.0
    return [
        seen if seen.value is None else replace(seen, outcome=seen.value + move) for seen in theirs
    ]


class _Same:
    """An object as a key: equal to itself alone, because comparing what it holds would take longer than making it anew."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it is other.it


@lru_cache(maxsize=REMEMBERED)
def _observed(trial: _Same) -> Observation | None:
    """What a trial teaches, remembered: all of a history but its end is what the last proposal saw."""
    return observation_of(trial.it)


def observation_of(trial: Trial) -> Observation | None:
    """What a trial teaches of its constants; None where it never ran."""
    if trial.result is None:
        return None
    if trial.status == "suspect":  # nothing but that it should not be proposed again
        return Observation(trial.configuration, "invalid", trial.result.curve)
    outcome = (
        trial.value if trial.status in SCORED else cast(Failure | Literal["pruned"], trial.status)
    )
    return Observation(trial.configuration, outcome, trial.result.curve)


def constants_of(proposal: Proposal) -> Configuration:
    """The constants that a proposal sets."""
    lines = [
        f"{edit.name} = {edit.value}" for edit in proposal.edits if isinstance(edit, SetConstant)
    ]
    return read_constants("\n".join(lines)) if lines else {}


def fit(space: Space, observations: Iterable[Observation]) -> list[Observation]:
    """The observations inside `space`: what one lacks was at its default then, what the space lacks is left out.

    What was given up is taken for what its curve promises, no better than the median: the methods know scores and failures only.
    """
    fits = _fits(space)
    fitted = [fits(_Same(seen)) for seen in observations]
    scored = [seen for seen in fitted if seen.value is not None]
    return [
        replace(seen, outcome=_promise(seen, scored), estimated=True) if seen.pruned else seen
        for seen in fitted
    ]


def _promise(given_up: Observation, scored: Sequence[Observation]) -> float | None:
    """The score that finished trials with such a loss at that point had, at least the median; None where nothing was scored."""
    values = [seen.value for seen in scored if seen.value is not None]
    if not values:
        return None
    at, loss = given_up.curve[-1] if given_up.curve else (0.0, 0.0)
    known = sorted(
        (there, value)
        for seen, value in zip(scored, values, strict=True)
        if (there := loss_at(seen.curve, at))
    )
    better = [value for there, value in known if there <= loss]
    return max(median(values), *better[-NEIGHBOURS:])


@lru_cache(maxsize=4)
def _fits(space: Space) -> Callable[[_Same], Observation]:
    """Moves an observation into `space`, remembered likewise."""

    @lru_cache(maxsize=REMEMBERED)
    def fitted(same: _Same) -> Observation:
        seen: Observation = same.it
        configuration = space.repair(seen.configuration)
        return (
            seen
            if seen.configuration == configuration
            else replace(seen, configuration=configuration)
        )

    return fitted


def key_of(configuration: Configuration) -> Key:
    """Equal for equal configurations, whatever the order."""
    return tuple(sorted(configuration.items()))
