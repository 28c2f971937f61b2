"""Turns the ledger into what a search method learns from: configurations and their outcomes."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import median
from typing import Any, Literal, cast

from agent.edit.files import Sources
from agent.propose.context import Context
from agent.records.curves import loss_at
from agent.records.edits import SetConstant
from agent.records.objective import Sense
from agent.records.proposals import Configuration, Proposal, Value
from agent.records.results import FAILED, SCORED, UNBELIEVED, Failure, Result, Trial
from agent.space import Space, literal_of, under_names_of

PRUNED = "pruned"
# A pruned trial is compared with so many finished trials whose loss was just below its own.
NEIGHBOURS = 3
# Every proposal looks at the whole history: the observations of so many trials are remembered.
REMEMBERED = 4096
Key = tuple[tuple[str, Value], ...]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Observation:
    """One configuration and its outcome.

    ValueError for a score that is not finite and for an unknown failure. Not a pydantic record:
    a history of a thousand is built for each proposal.
    """

    configuration: Configuration
    outcome: float | Failure | Literal["pruned"] | None = None
    """The loss (lower is better), the name of the failure, "pruned", or None while pending."""
    curve: Curve = ()
    """Points (fraction of the budget, training loss); of a failed run, up to where it failed."""
    prior: bool = False
    """From another run or tool: it teaches like any other, and may be proposed."""
    estimated: bool = False
    """Pruned, with the score that `fit` estimated for it."""
    speed: float | None = None
    """Steps a second of its training; None if unknown."""
    steps: float | None = None
    """How many steps its training made in the time that the budget gives; None if unknown, and for
    a budget in steps."""

    def __post_init__(self) -> None:
        if isinstance(self.outcome, str) and self.outcome not in {*FAILED, PRUNED}:
            kinds = ", ".join(sorted({*FAILED, PRUNED}))
            raise ValueError(f"Unknown failure {self.outcome!r}. Choose from: {kinds}.")
        # An int may be larger than any float.
        if self.value is not None and not abs(self.value) <= sys.float_info.max:
            raise ValueError(f"{self.outcome} is not a score: give the name of the failure instead")

    @property
    def value(self) -> float | None:
        """The loss, if there is one."""
        return None if isinstance(self.outcome, str) else self.outcome

    @property
    def failure(self) -> Failure | None:
        """Why there will be no score; None if it is pending, pruned or scored."""
        if isinstance(self.outcome, str) and self.outcome != "pruned":
            return self.outcome
        return None

    @property
    def pruned(self) -> bool:
        """Whether its training was pruned and `fit` has not estimated a score yet."""
        return self.outcome == PRUNED

    @property
    def pending(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.outcome is None

    @cached_property
    def key(self) -> Key:
        """The key of its configuration."""
        return key_of(self.configuration)


def values_of(history: Iterable[Observation]) -> list[float]:
    """Return the scores of a history, in its order."""
    return [trial.value for trial in history if trial.value is not None]


def ended_in(history: Iterable[Observation]) -> int:
    """Return how many observations are not pending."""
    return sum(not trial.pending for trial in history)


def observe(context: Context) -> tuple[Observation, ...]:
    """Return the prior trials, the trials that ran, oldest first, and the pending proposals."""
    timed = not context.budget.endswith("steps") and not context.ends_by_itself
    sense = context.objective.sense
    own = [_remembered_observation(_Identity(trial), sense, timed) for trial in context.trials]
    ran = [observation for observation in own if observation]
    tip = context.space.default
    pending = [
        Observation({**tip, **constants_of(proposal, context.sources)})
        for proposal in context.pending
    ]
    return (*_shifted_prior(context, ran), *ran, *pending)


def _shifted_prior(context: Context, ran: Sequence[Observation]) -> list[Observation]:
    """Return the prior trials, shifted by the median difference of scores that both runs have.

    The other run may have another machine, budget or data. Without a common configuration the
    scores stay as they are.
    """
    if not context.prior:
        return []
    sense = context.objective.sense
    prior = [
        Observation(trial.configuration, _as_loss(trial.outcome, sense), trial.curve, prior=True)
        for trial in context.prior
    ]
    scores = {
        trial.key: trial.value for trial in fit(context.space, ran) if trial.value is not None
    }
    differences = []
    for trial in fit(context.space, prior):
        own = scores.get(trial.key)
        if own is not None and trial.value is not None:
            differences.append(own - trial.value)
    shift = median(differences) if differences else 0.0
    return [_shifted(trial, shift) for trial in prior]


def _as_loss(outcome: float | Failure, sense: Sense) -> float | Failure:
    """Return a score as a loss; one that the metric's scale does not have is invalid."""
    if isinstance(outcome, str):
        return outcome
    return sense.loss(outcome) if sense.has(outcome) else "invalid"


def _shifted(trial: Observation, shift: float) -> Observation:
    if trial.value is None:
        return trial
    return replace(trial, outcome=trial.value + shift)


class _Identity:
    """An object as a cache key, equal to itself alone: comparing contents would take too long."""

    __slots__ = ("object",)

    def __init__(self, object: Any) -> None:
        self.object = object

    def __hash__(self) -> int:
        return id(self.object)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.object is other.object


@lru_cache(maxsize=REMEMBERED)
def _remembered_observation(trial: _Identity, sense: Sense, timed: bool) -> Observation | None:
    return observation_of(trial.object, sense, timed)


def observation_of(trial: Trial, sense: Sense, timed: bool = False) -> Observation | None:
    """Return what a trial teaches about its constants, or None if it never ran.

    timed: the run's budget is in seconds, so that the number of steps depends on the constants.
    """
    if trial.status in ("held", "skipped"):  # no outcome is known, and it is not proposed again
        return Observation(trial.configuration) if trial.configuration else None
    if trial.result is None:
        return None
    outcome: float | Failure | Literal["pruned"] | None = None
    if trial.value is not None:
        outcome = _as_loss(trial.value, sense)
    # A better score that cannot be kept would only lure a method to where nothing can be.
    if trial.status in UNBELIEVED or trial.was_held_to_guards:
        outcome = "invalid"
    elif trial.status not in SCORED:
        outcome = cast(Failure | Literal["pruned"], trial.status)
    return Observation(
        trial.configuration,
        outcome,
        trial.result.curve,
        speed=_speed_of(trial.result),
        steps=_steps_of(trial.result) if timed else None,
    )


def _speed_of(result: Result) -> float | None:
    """Return the steps a second of a first run, also of one that failed after its training."""
    if result.own:
        return result.own[0].speed
    steps = _steps_of(result)
    return steps / result.seconds if steps and result.seconds > 0 else None


def _steps_of(result: Result) -> float | None:
    steps = result.facts.get("num_steps")
    if isinstance(steps, bool) or not isinstance(steps, int | float) or steps <= 0:
        return None
    return float(steps)


def constants_of(proposal: Proposal, sources: Sources) -> Configuration:
    """Return the constants that a proposal sets, by their whole names."""
    values = {}
    for edit in proposal.edits:
        if isinstance(edit, SetConstant):
            path = edit.file or sources.main
            value = literal_of(path, edit.value)
            if value is not None:
                values[sources.named(path, edit.name)] = value
    return values


def fit(space: Space, observations: Iterable[Observation]) -> list[Observation]:
    """Return the observations as points of `space`.

    A constant that one lacks was at its default then; what the space lacks is left out. A constant
    that moved to another file with its definition keeps its values. A pruned
    trial gets the score that its curve suggests, no better than the median: methods know only
    scores and failures.
    """
    move = _mover(space)
    moved = [move(_Identity(observation)) for observation in observations]
    scored = [observation for observation in moved if observation.value is not None]
    fitted = []
    for observation in moved:
        if observation.pruned:
            score = _estimate(observation, scored)
            fitted.append(replace(observation, outcome=score, estimated=True))
        else:
            fitted.append(observation)
    return fitted


def _estimate(pruned: Observation, scored: Sequence[Observation]) -> float | None:
    """Return the score that trials with such a loss reached, at least the median of all.

    None if nothing was scored.
    """
    values = values_of(scored)
    if not values:
        return None
    fraction, loss = pruned.curve[-1] if pruned.curve else (0.0, 0.0)
    lower = []
    for trial, value in zip(scored, values, strict=True):
        other = loss_at(trial.curve, fraction)
        if other and other <= loss:
            lower.append((other, value))
    nearest = [value for _, value in sorted(lower)[-NEIGHBOURS:]]
    return max(median(values), *nearest)


@lru_cache(maxsize=4)
def _mover(space: Space) -> Callable[[_Identity], Observation]:
    """Return a function that moves an observation into `space`, and remembers it."""

    @lru_cache(maxsize=REMEMBERED)
    def move(identity: _Identity) -> Observation:
        observation: Observation = identity.object
        configuration = space.repair(under_names_of(space, observation.configuration))
        if observation.configuration == configuration:
            return observation
        return replace(observation, configuration=configuration)

    return move


def key_of(configuration: Configuration) -> Key:
    """Return a key that is equal for equal configurations, in whatever order."""
    return tuple(sorted(configuration.items()))
