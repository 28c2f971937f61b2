"""A search opens with one constant alone: cheaper steps, then rates, never what cannot fit."""

from pathlib import Path

import pytest

from agent.propose import Observation
from agent.propose.search import opening, trust
from agent.propose.search.observe import Observation as Seen
from agent.records.proposals import Configuration
from agent.space import Space, read_space
from tests.agent.propose.example import SPACE

TRAIN = Path(__file__).parents[4] / "workspace" / "train.py"


def opened(space: Space, steps: float | None, count: int, seed: int = 0) -> list[Configuration]:
    """Return the first proposals where none gains anything."""
    speed = None if steps is None else steps / 20
    trials = [Observation(space.default, 1.0, speed=speed, steps=steps)]
    for _ in range(count):
        trials.append(Observation(trust.suggest(space, trials, seed), 1.5))
    return [trial.configuration for trial in trials[1:]]


def changed(space: Space, configuration: Configuration) -> dict[str, object]:
    default = space.default
    return {name: value for name, value in configuration.items() if value != default[name]}


def test_a_training_of_few_steps_first_tries_cheaper_ones() -> None:
    moves = [changed(SPACE, c) for c in opened(SPACE, 220.0, 3)]
    assert moves[:2] == [{"DEPTH": 4}, {"BATCH": 2**15}]
    assert set(moves[2]) == {"MATRIX_LR"}


def test_a_training_of_very_many_steps_first_tries_costlier_ones() -> None:
    moves = [changed(SPACE, c) for c in opened(SPACE, 60_000.0, 2)]
    assert moves == [{"DEPTH": 16}, {"BATCH": 2**17}]


def test_a_rate_goes_up_or_down_by_chance() -> None:
    rates = {opened(SPACE, 220.0, 3, seed)[2]["MATRIX_LR"] for seed in range(8)}
    assert len(rates) == 2
    assert min(map(float, rates)) < 0.04 < max(map(float, rates))


@pytest.mark.parametrize("seed", range(6))
def test_on_the_bundled_workspace_no_first_proposal_is_one_that_cannot_fit(seed: int) -> None:
    space = read_space(TRAIN.read_text(encoding="utf-8"))
    for configuration in opened(space, 220.0, 4, seed):
        moves = changed(space, configuration)
        assert len(moves) == 1
        assert float(configuration["TOTAL_BATCH_SIZE"]) <= 2**10
        assert float(configuration["DEPTH"]) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_later_changes_of_one_constant_fit_the_budget_as_well(seed: int) -> None:
    for configuration in opened(SPACE, 220.0, 14, seed):
        if len(changed(SPACE, configuration)) == 1:
            assert float(configuration["BATCH"]) <= 2**17
            assert float(configuration["DEPTH"]) <= 14


def test_it_goes_on_from_what_was_measured_best() -> None:
    better = {**SPACE.default, "DEPTH": 4}
    trials = [
        Observation(SPACE.default, 1.0, speed=11.0, steps=220.0),
        Observation(better, 0.9, speed=20.0, steps=400.0),
    ]
    assert trust.suggest(SPACE, trials, 0) == {**better, "BATCH": 2**15}


def test_each_constant_is_tried_alone_once() -> None:
    first: Configuration = {**SPACE.default, "DEPTH": 4}
    second: Configuration = {**first, "BATCH": 2**15}
    third: Configuration = {**SPACE.default, "MATRIX_LR": 0.1, "WEIGHT_DECAY": 0.1}
    trials = [Seen(c, 1.0) for c in (SPACE.default, first, second, third)]
    assert opening.tried_alone(SPACE, trials) == {"DEPTH", "BATCH"}


def test_it_is_over_after_a_few_trials_and_where_another_run_is_known() -> None:
    start = Observation(SPACE.default, 1.0)
    assert opening.is_open([start] * opening.TRIALS)
    assert not opening.is_open([start] * (opening.TRIALS + 1))
    assert not opening.is_open([start, Observation(SPACE.default, 1.0, prior=True)])
