"""A history as an optuna study, told anew for each proposal; shared by methods on optuna."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from agent.propose.search.observe import Observation
from agent.propose.search.scale import from_unit, is_fixed, levels, nearest_level, to_unit
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space

# The constraint that a failure violates, for samplers that learn constraints.
FEASIBLE = "constraints:runs"


class Axes:
    """The free parameters of a space for optuna: levels by index, others in 0..1."""

    def __init__(self, space: Space) -> None:
        self._default = space.default
        self.free = {
            parameter.name: parameter for parameter in space.parameters if not is_fixed(parameter)
        }
        self.distributions: dict[str, BaseDistribution] = {
            name: _distribution(parameter) for name, parameter in self.free.items()
        }

    def params(self, configuration: Configuration) -> dict[str, Value]:
        """Return optuna's parameters of a configuration."""
        return {
            name: _encode(parameter, configuration[name]) for name, parameter in self.free.items()
        }

    def configuration(self, params: Mapping[str, Value]) -> Configuration:
        """Return the configuration of optuna's parameters."""
        values = {name: _decode(parameter, params[name]) for name, parameter in self.free.items()}
        return {**self._default, **values}

    def ask(self, study: optuna.Study) -> Configuration:
        """Return the configuration that the study's sampler proposes."""
        return self.configuration(study.ask(self.distributions).params)

    def trial(
        self,
        observation: Observation,
        failed: TrialState,
        relative: str,
        neutral: float | None = None,
    ) -> FrozenTrial:
        """Return a trial as optuna.trial.create_trial makes it.

        failed: the state that a failure is told as. relative: the attribute under which the sampler
        looks for the parameters of a running trial. neutral: the value of a failure, for samplers
        that want one and learn constraints.
        """
        params = self.params(observation.configuration)
        state = TrialState.COMPLETE
        value = observation.value
        attributes: dict[str, object] = {}
        if observation.pending:
            state = TrialState.RUNNING
            attributes[f"{relative}:0"] = json.dumps(params)
        elif observation.failure:
            state = failed
            value = neutral
        if neutral is not None and not observation.pending:
            attributes[FEASIBLE] = 1.0 if observation.failure else -1.0
        now = datetime.now()
        return _SharedTrial(
            number=-1,
            trial_id=-1,
            state=state,
            value=value,
            values=None,
            datetime_start=now,
            datetime_complete=now if state.is_finished() else None,
            params=params,
            distributions=self.distributions,
            user_attrs={},
            system_attrs=attributes,
            intermediate_values={},
        )


class _SharedTrial(FrozenTrial):
    """A trial that a study keeps without a copy: copying hundreds takes longer than proposing."""

    def __deepcopy__(self, _: dict[int, object]) -> "_SharedTrial":
        return self


def study_of(sampler: BaseSampler, trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Return a study with `trials` in it, without a message of optuna."""
    with quiet("optuna.storages._in_memory", logging.WARNING):
        study = optuna.create_study(sampler=sampler)
    for trial in trials:
        study.add_trial(trial)
    return study


def _distribution(parameter: Parameter) -> BaseDistribution:
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
def quiet(name: str, level: int) -> Iterator[None]:
    """Drop what the logger `name` logs below `level` within this block."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
