"""SMAC3's hyperparameter facade (Lindauer et al. 2022, JMLR 23): a random forest and log expected improvement. An extra.

It is told the whole history anew for each proposal, deterministic: each configuration once. A failure is told by its status
(CRASHED, MEMORYOUT, TIMEOUT); the forest learns from a cost beside it, which is that of the worst score and never more.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
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
from agent.propose.search.observe import Observation, fit
from agent.propose.search.scale import draw, generator, levels, nearest_level
from agent.propose.search.study import Axes, quiet
from agent.records.proposals import Configuration
from agent.space import Parameter, Space

# Random trials before the forest is trusted, as many as the other models of the whole space have.
STARTUP_TRIALS = 10
# More than any run has; the facade wants a bound.
MAX_TRIALS = 1_000_000
# The facade takes logarithms of costs: scores are moved where one is not above zero.
LEAST_COST = 1e-3
SEED = 0
STATUSES = {
    "crash": StatusType.CRASHED,
    "invalid": StatusType.CRASHED,
    "oom": StatusType.MEMORYOUT,
    "timeout": StatusType.TIMEOUT,
}


def suggest(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
    """The next configuration; the same for the same arguments. Takes a second or more.

    A pending observation is told as a running trial: SMAC does not ask for it again, and learns nothing from it yet.
    """
    rng = generator(seed, len(observations))
    seen = fit(space, observations)
    scored = any(observation.value is not None for observation in seen)
    if sum(not observation.pending for observation in seen) < STARTUP_TRIALS or not scored:
        return fresh(space, seen, lambda: draw(space, rng), rng)
    axes = Axes(space)
    if not axes.free:
        return fresh(space, seen, lambda: space.default, rng)
    # Threads would wait for each other longer than so small a forest takes.
    with (
        parallel_config(backend="sequential"),
        quiet("smac", logging.ERROR),
        _facade(axes, int(rng.integers(2**31))) as facade,
    ):
        _tell(facade, axes, seen)
        return fresh(
            space, seen, lambda: axes.configuration(_params(axes, facade.ask().config)), rng
        )


@contextmanager
def _facade(axes: Axes, seed: int) -> Iterator[Facade]:
    """A facade that has seen nothing; what it writes, it writes to a folder that is gone afterwards."""
    cube = ConfigurationSpace(seed=seed)
    cube.add(*[_hyperparameter(parameter) for parameter in axes.free.values()])
    with TemporaryDirectory(prefix="autoresearch-smac-") as folder:
        scenario = Scenario(
            cube,
            deterministic=True,
            n_trials=MAX_TRIALS,
            n_workers=1,
            seed=seed,
            output_directory=Path(folder),
        )
        design, maximizer = (
            Facade.get_initial_design(scenario, n_configs=0),
            Facade.get_acquisition_maximizer(scenario),
        )
        _put_in_order(maximizer._local_search)
        yield Facade(
            scenario,
            None,
            initial_design=design,
            acquisition_maximizer=maximizer,
            overwrite=True,
            logging_level=False,
        )


def _put_in_order(search: LocalSearch) -> None:
    """Give the facade's local search its starting points in an order of their own: they come from a set, whose order differs
    between processes, and a proposal is to be the same after a resume."""
    start_points = search._get_init_points_from_previous_configs

    def in_order(*given: Any) -> list[Point]:
        return sorted(start_points(*given), key=lambda point: tuple(point.get_array()))

    search._get_init_points_from_previous_configs = in_order


def _tell(facade: Facade, axes: Axes, seen: Sequence[Observation]) -> None:
    """The whole history, oldest first; what is pending as running."""
    cube = facade.scenario.configspace
    scores = [observation.value for observation in seen if observation.value is not None]
    move = max(0.0, LEAST_COST - min(scores))
    for observation in seen:
        trial = TrialInfo(_point(cube, axes, observation.configuration), seed=SEED)
        if observation.pending:
            facade.runhistory.add_running_trial(trial)
            continue
        status = STATUSES[observation.failure] if observation.failure else StatusType.SUCCESS
        cost = max(scores) if observation.value is None else observation.value
        facade.tell(trial, TrialValue(cost=cost + move, status=status), save=False)


def _hyperparameter(
    p: Parameter,
) -> CategoricalHyperparameter | UniformIntegerHyperparameter | UniformFloatHyperparameter:
    """A constant as study.py has it: levels by their place in the order, others on the unit interval; choices by their place."""
    if p.kind == "categorical":
        return CategoricalHyperparameter(p.name, list(range(len(p.choices))))
    count = len(levels(p))
    return (
        UniformIntegerHyperparameter(p.name, 0, count - 1)
        if count
        else UniformFloatHyperparameter(p.name, 0.0, 1.0)
    )


def _point(cube: ConfigurationSpace, axes: Axes, configuration: Configuration) -> Point:
    chosen = {
        name: nearest_level(p, configuration[name])
        for name, p in axes.free.items()
        if p.kind == "categorical"
    }
    return Point(cube, values={**axes.params(configuration), **chosen})


def _params(axes: Axes, point: Point) -> Configuration:
    """The way back; numpy's numbers become Python's."""
    choices = {name: p.choices for name, p in axes.free.items() if p.kind == "categorical"}
    whole = {name for name, p in axes.free.items() if levels(p)}
    return {
        name: choices[name][int(value)]
        if name in choices
        else int(value)
        if name in whole
        else float(value)
        for name, value in dict(point).items()
    }
