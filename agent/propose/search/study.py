"""A history as an optuna study, told anew for each proposal; what the methods that use optuna's samplers share."""

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

# The constraint that a failure violates, where a sampler learns constraints.
FEASIBLE = "constraints:runs"


class Axes:
    """The free parameters of a space as optuna has them: levels by their place in the order, others on the unit interval.

    free: by name. distributions: likewise.
    """

    def __init__(self, space: Space) -> None:
        self._default = space.default
        self.free = {
            parameter.name: parameter for parameter in space.parameters if not is_fixed(parameter)
        }
        self.distributions: dict[str, BaseDistribution] = {
            name: _distribution(p) for name, p in self.free.items()
        }

    def params(self, configuration: Configuration) -> dict[str, Value]:
        """A configuration as optuna has it."""
        return {
            name: _encode(parameter, configuration[name]) for name, parameter in self.free.items()
        }

    def configuration(self, params: Mapping[str, Value]) -> Configuration:
        """The way back."""
        return {
            **self._default,
            **{name: _decode(parameter, params[name]) for name, parameter in self.free.items()},
        }

    def ask(self, study: optuna.Study) -> Configuration:
        """What the study's sampler proposes."""
        return self.configuration(study.ask(self.distributions).params)

    def trial(
        self, seen: Observation, failed: TrialState, relative: str, stand_in: float | None = None
    ) -> FrozenTrial:
        """A trial as optuna.trial.create_trial makes it. failed: the state that a failure is told as, with the value `stand_in`
        where the sampler asks for one; relative: under which attribute it looks for the parameters of a running trial."""
        state = (
            TrialState.RUNNING if seen.pending else failed if seen.failure else TrialState.COMPLETE
        )
        value = stand_in if seen.failure else seen.value
        params = self.params(seen.configuration)
        system: dict[str, object] = {f"{relative}:0": json.dumps(params)} if seen.pending else {}
        if stand_in is not None and not seen.pending:
            system[FEASIBLE] = 1.0 if seen.failure else -1.0
        now = datetime.now()
        return _Told(
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
            system_attrs=system,
            intermediate_values={},
        )


class _Told(FrozenTrial):
    """A trial that a study may keep as it is: it is made for one proposal, and copying hundreds takes longer than proposing."""

    def __deepcopy__(self, _: dict[int, object]) -> "_Told":
        return self


def study_of(sampler: BaseSampler, trials: Sequence[FrozenTrial]) -> optuna.Study:
    """A study that was told `trials`; built without optuna's announcement of it."""
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
    """The logger `name` without what is below `level`, for the time of this block only."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
