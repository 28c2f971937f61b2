"""SMAC3's hyperparameter facade (Lindauer et al. 2022, JMLR 23); needs the extra smac.

A random forest and log expected improvement. It is told the whole history anew for each proposal,
deterministic: each configuration once. A failure is told by its status (CRASHED, MEMORYOUT,
TIMEOUT); the forest learns from a cost beside it, which is that of the worst score and never more.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace import Configuration as Point
from joblib import parallel_config
from smac import HyperparameterOptimizationFacade as Facade
from smac import Scenario
from smac.acquisition.maximizer import LocalSearch
from smac.runhistory import StatusType, TrialInfo, TrialValue

from agent.propose.search.fresh import fresh
from agent.propose.search.observe import Observation, ended_in, fit, values_of
from agent.propose.search.scale import draw, generator, levels, nearest_level
from agent.propose.search.study import Axes, quiet
from agent.records.proposals import Configuration, Value
from agent.space import Parameter, Space
from sandbox.ground.leftovers import temporary_folder

# Random trials before the forest is trusted, as many as tpe and gp have.
STARTUP_TRIALS = 10
# More than any run has; the facade wants a bound.
MAX_TRIALS = 1_000_000
# The facade takes logarithms of costs: scores are shifted if one is not above zero.
LEAST_COST = 1e-3
SEED = 0
STATUSES = {
    "crash": StatusType.CRASHED,
    "invalid": StatusType.CRASHED,
    "oom": StatusType.MEMORYOUT,
    "timeout": StatusType.TIMEOUT,
}


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """Return the next configuration; the same for the same arguments. Takes a second or more.

    A pending observation is told as a running trial: SMAC does not propose it again, and learns
    nothing from it yet.
    """
    rng = generator(seed, len(observations))
    history = fit(space, observations)
    if ended_in(history) < STARTUP_TRIALS or not values_of(history):
        return fresh(space, history, lambda: draw(space, rng), rng)
    axes = Axes(space)
    if not axes.free:
        return fresh(space, history, lambda: space.default, rng)
    # Threads would wait for each other longer than so small a forest takes.
    with (
        parallel_config(backend="sequential"),
        quiet("smac", logging.ERROR),
        _facade(axes, int(rng.integers(2**31))) as facade,
    ):
        _tell(facade, axes, history)

        def ask() -> Configuration:
            return axes.configuration(_params(axes, facade.ask().config))

        return fresh(space, history, ask, rng)


@contextmanager
def _facade(axes: Axes, seed: int) -> Iterator[Facade]:
    """Yield a facade that was told nothing; it writes its files to a temporary folder."""
    cube = ConfigurationSpace(seed=seed)
    cube.add(*[_hyperparameter(parameter) for parameter in axes.free.values()])
    with temporary_folder("smac") as folder:
        scenario = Scenario(
            cube,
            deterministic=True,
            n_trials=MAX_TRIALS,
            n_workers=1,
            seed=seed,
            output_directory=folder,
        )
        maximizer = Facade.get_acquisition_maximizer(scenario)
        _sort_start_points(maximizer._local_search)
        yield Facade(
            scenario,
            None,
            initial_design=Facade.get_initial_design(scenario, n_configs=0),
            acquisition_maximizer=maximizer,
            overwrite=True,
            logging_level=False,
        )


def _sort_start_points(search: LocalSearch) -> None:
    """Sort the starting points of the facade's local search.

    They come from a set, whose order differs between processes; a proposal must be the same after a
    resume.
    """
    start_points = search._get_init_points_from_previous_configs

    def sorted_points(*arguments: Any) -> list[Point]:
        return sorted(start_points(*arguments), key=lambda point: tuple(point.get_array()))

    search._get_init_points_from_previous_configs = sorted_points


def _tell(facade: Facade, axes: Axes, history: Sequence[Observation]) -> None:
    """Tell the whole history, oldest first; pending observations as running trials."""
    cube = facade.scenario.configspace
    scores = values_of(history)
    worst = max(scores)
    shift = max(0.0, LEAST_COST - min(scores))
    for observation in history:
        trial = TrialInfo(_point(cube, axes, observation.configuration), seed=SEED)
        if observation.pending:
            facade.runhistory.add_running_trial(trial)
            continue
        status = STATUSES[observation.failure] if observation.failure else StatusType.SUCCESS
        cost = worst if observation.value is None else observation.value
        facade.tell(trial, TrialValue(cost=cost + shift, status=status), save=False)


def _hyperparameter(
    parameter: Parameter,
) -> CategoricalHyperparameter | UniformIntegerHyperparameter | UniformFloatHyperparameter:
    """Return a constant for SMAC: choices and levels by their index, others in 0..1."""
    name = parameter.name
    if parameter.kind == "categorical":
        return CategoricalHyperparameter(name, list(range(len(parameter.choices))))
    count = len(levels(parameter))
    if count:
        return UniformIntegerHyperparameter(name, 0, count - 1)
    return UniformFloatHyperparameter(name, 0.0, 1.0)


def _point(cube: ConfigurationSpace, axes: Axes, configuration: Configuration) -> Point:
    values = axes.params(configuration)
    for name, parameter in axes.free.items():
        if parameter.kind == "categorical":
            values[name] = nearest_level(parameter, configuration[name])
    return Point(cube, values=values)


def _params(axes: Axes, point: Point) -> dict[str, Value]:
    """Return optuna's parameters of a point, numpy's numbers as Python's."""
    return {name: _param(axes.free[name], value) for name, value in dict(point).items()}


def _param(parameter: Parameter, value: Any) -> Value:
    if parameter.kind == "categorical":
        return parameter.choices[int(value)]
    return int(value) if levels(parameter) else float(value)
