"""optuna's samplers as anybody gets them, with none of our settings, to compare methods with.

They are told the baseline as every method is, and failures as optuna has them (failed trials,
which they leave out), and search the constants on optuna's own scales. A study is built anew for
each proposal, as for our methods, so that a benchmark can be resumed; the sampler's seed is
another one each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from agent.propose.search.observe import Observation
from agent.propose.search.scale import generator, is_fixed, levels, nearest_level
from agent.propose.search.study import study_of
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space


@dataclass(frozen=True)
class Reference:
    """One of optuna's samplers as a search method."""

    sampler: Callable[[int], BaseSampler]

    def suggest(
        self, space: Space, observations: Sequence[Observation], seed: int
    ) -> Configuration:
        """Return its next configuration, repaired into the space; it may repeat one."""
        free = [p for p in space.parameters if not is_fixed(p)]
        distributions = {p.name: _distribution(p) for p in free}
        done = [observation for observation in observations if not observation.pending]
        trials = [_trial(observation, free, distributions) for observation in done]
        sampler = self.sampler(int(generator(seed, len(observations)).integers(2**32)))
        params = study_of(sampler, trials).ask(distributions).params
        return space.repair({**space.default, **{p.name: _value(p, params[p.name]) for p in free}})


SAMPLERS: dict[str, Reference] = {
    "optuna-tpe": Reference(lambda seed: TPESampler(seed=seed)),
    "optuna-random": Reference(lambda seed: RandomSampler(seed=seed)),
}


def _trial(
    observation: Observation,
    free: Sequence[Parameter],
    distributions: dict[str, BaseDistribution],
) -> FrozenTrial:
    return create_trial(
        state=TrialState.COMPLETE if observation.value is not None else TrialState.FAIL,
        value=observation.value,
        params={p.name: _param(p, observation.configuration[p.name]) for p in free},
        distributions=distributions,
    )


def _distribution(parameter: Parameter) -> BaseDistribution:
    """Return what a user of optuna would write; for powers of two, the number of the level."""
    if parameter.kind == "categorical":
        return CategoricalDistribution(parameter.choices)
    if parameter.power_of_two:
        return IntDistribution(0, len(levels(parameter)) - 1)
    assert parameter.low is not None and parameter.high is not None
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(float(parameter.low), float(parameter.high), log=parameter.log)


def _param(parameter: Parameter, value: Value) -> Value:
    return nearest_level(parameter, value) if parameter.power_of_two else value


def _value(parameter: Parameter, param: Value) -> Value:
    return levels(parameter)[int(param)] if parameter.power_of_two else param
