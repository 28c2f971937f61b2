"""Tree-structured Parzen estimator: optuna's TPESampler, told the whole history anew for each proposal."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from agent.propose.fresh import fresh
from agent.propose.observe import Observation, fit
from agent.propose.scale import draw, from_unit, generator, is_fixed, levels, nearest_level, to_unit
from agent.records import Configuration, Value
from agent.space import Parameter, Space

# Optuna's own number of random trials before the estimator is trusted.
STARTUP_TRIALS = 10
# Where TPESampler looks for the parameters of a trial that is running.
RELATIVE_PARAMS = "tpe:relative_params"
# The estimator's good side never holds more trials than this, and its bad side fades with age: beyond the best and the newest
# few hundred the history changes nothing but the time a proposal takes.
BEST, NEWEST = 25, 200


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments.

    A failure is told as a pruned trial without a value, which the sampler ranks below every success; a pending one as
    running, which it keeps its distance from.
    """
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    if sum(not observation.pending for observation in seen) < STARTUP_TRIALS:
        return fresh(space, seen, lambda: draw(space, rng), rng)
    free = {parameter.name: parameter for parameter in space.parameters if not is_fixed(parameter)}
    distributions = {name: _distribution(parameter) for name, parameter in free.items()}
    study = _study(free, distributions, _telling(seen), rng)

    def ask() -> Configuration:
        params = study.ask(distributions).params
        return {**space.default, **{name: _decode(parameter, params[name]) for name, parameter in free.items()}}

    return fresh(space, seen, ask, rng)


def _telling(seen: Sequence[Observation]) -> list[Observation]:
    """The best and the newest, in their order."""
    old = range(max(0, len(seen) - NEWEST))
    values = [(value, place) for place in old if (value := seen[place].value) is not None]
    return [seen[place] for place in sorted(place for _, place in sorted(values)[:BEST])] + list(seen[len(old) :])


def _study(
    free: dict[str, Parameter], distributions: dict[str, BaseDistribution], seen: Sequence[Observation], rng: np.random.Generator
) -> optuna.Study:
    """The history as an optuna study; built without optuna's announcement of it."""
    sampler = TPESampler(seed=int(rng.integers(2**32)), n_startup_trials=STARTUP_TRIALS)
    with _quiet("optuna.storages._in_memory"):
        study = optuna.create_study(sampler=sampler)
    for observation in seen:
        params = {name: _encode(parameter, observation.configuration[name]) for name, parameter in free.items()}
        study.add_trial(_trial(params, distributions, observation))
    return study


def _trial(params: dict[str, Value], distributions: dict[str, BaseDistribution], observation: Observation) -> FrozenTrial:
    if observation.pending:
        system = {f"{RELATIVE_PARAMS}:0": json.dumps(params)}
        return _Told.of(TrialState.RUNNING, None, params, distributions, system)
    state = TrialState.PRUNED if observation.value is None else TrialState.COMPLETE
    return _Told.of(state, observation.value, params, distributions, {})


class _Told(FrozenTrial):
    """A trial that a study may keep as it is: it is made for one proposal, and copying hundreds takes longer than proposing."""

    def __deepcopy__(self, _: dict[int, object]) -> "_Told":
        return self

    @classmethod
    def of(
        cls, state: TrialState, value: float | None, params: dict[str, Value], distributions: dict[str, BaseDistribution],
        system: dict[str, str],
    ) -> "_Told":  # fmt: skip
        """A trial as optuna.trial.create_trial makes it."""
        now = datetime.now()
        return cls(
            number=-1, trial_id=-1, state=state, value=value, values=None, datetime_start=now,
            datetime_complete=now if state.is_finished() else None, params=params, distributions=distributions, user_attrs={},
            system_attrs=dict(system), intermediate_values={},
        )  # fmt: skip


def _distribution(parameter: Parameter) -> BaseDistribution:
    """Levels are searched by their place in the order, everything else on the unit interval."""
    if parameter.kind == "categorical":
        return CategoricalDistribution(parameter.choices)
    count = len(levels(parameter))
    return IntDistribution(0, count - 1) if count else FloatDistribution(0.0, 1.0)


def _encode(parameter: Parameter, value: Value) -> Value:
    if parameter.kind == "categorical":
        return value
    return nearest_level(parameter, value) if levels(parameter) else to_unit(parameter, value)


def _decode(parameter: Parameter, code: Value) -> Value:
    if parameter.kind == "categorical":
        return code
    return levels(parameter)[int(code)] if levels(parameter) else from_unit(parameter, float(code))


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """The logger `name` without its information, for the time of this block only."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
