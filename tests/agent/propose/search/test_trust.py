"""What the trust region stands on: the Gaussian process, the improvement it promises, and failures that it foresees."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.propose import Observation
from agent.propose.search import gaussian, random, trust
from agent.propose.search.grid import Grid
from agent.records.proposals import Configuration
from tests.agent.propose.example import SPACE

GROUPS = np.array([0, 1, 2, 2])


def example(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a cube, and a function that depends on the first column alone."""
    points = np.random.default_rng(0).random((count, 4))
    return points, np.sin(4 * points[:, 0])


def test_the_gradient_is_that_of_the_loss() -> None:
    points, values = example(20)
    apart = np.stack(
        [
            gaussian.squared_distances(points[:, g == GROUPS], points[:, g == GROUPS])
            for g in range(3)
        ]
    )
    theta = np.array([0.3, -0.2, 0.5, -3.0, 0.2])
    _, gradient = gaussian._loss(theta, apart, values)
    steps = 1e-5 * np.eye(5)
    for step, expected in zip(steps, gradient, strict=True):
        slope = (
            gaussian._loss(theta + step, apart, values)[0]
            - gaussian._loss(theta - step, apart, values)[0]
        ) / 2e-5
        assert slope == pytest.approx(expected, abs=1e-5)


def test_it_finds_out_which_column_matters_and_is_unsure_where_it_was_not() -> None:
    points, values = example(40)
    theta = gaussian.fit(points, values, GROUPS)
    assert theta[0] < theta[1] - 1 and theta[0] < theta[2] - 1
    process = gaussian.condition(points, values, theta, GROUPS)
    between, spread = process.predict(np.array([[0.5, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]]))
    assert between[0] == pytest.approx(np.sin(2.0), abs=0.1)
    assert spread[1] > 5 * spread[0]


def test_the_improvement_is_the_textbook_s_and_does_not_underflow() -> None:
    z = np.array([-40.0, -8.0, -1.0, 0.0, 2.0])
    logs = trust.log_improvement(z)
    assert np.all(np.isfinite(logs)) and np.all(np.diff(logs) > 0)
    assert np.exp(logs[2:]) == pytest.approx([0.08332, 0.39894, 2.00849], abs=1e-4)


def drawn(count: int, works: Callable[[Configuration], bool]) -> list[Observation]:
    """So many random configurations, of which some failed."""
    seen: list[Observation] = []
    for _ in range(count):
        configuration = random.suggest(SPACE, seen, 4)
        seen.append(Observation(configuration, 1.0 if works(configuration) else "oom"))
    return seen


def test_a_wall_between_two_constants_is_learnt() -> None:
    def works(c: Configuration) -> bool:
        return float(c["DEPTH"]) * float(c["HEAD_DIM"]) <= 1500

    seen, grid = drawn(60, works), Grid(SPACE)
    risk = trust.Risk(grid, seen, np.random.default_rng(0))
    unseen = [random.suggest(SPACE, seen, seed) for seed in range(5, 85)]
    chances = np.exp(risk.log_success(grid.points(unseen)))
    right = [
        (chance > 0.5) == works(configuration)
        for chance, configuration in zip(chances, unseen, strict=True)
    ]
    assert 20 < sum(map(works, unseen)) < 60 and np.mean(right) > 0.85


def test_what_is_larger_than_all_that_failed_is_foreseen_to_fail() -> None:
    seen = [
        one
        for one in drawn(120, lambda c: float(c["DEPTH"]) < 15)
        if float(one.configuration["DEPTH"]) < 19
    ]
    risk = trust.Risk(Grid(SPACE), seen, np.random.default_rng(0))
    deep, flat = ({**SPACE.default, "DEPTH": depth} for depth in (24, 4))
    assert {one.failure for one in seen} == {None, "oom"}
    chances = np.exp(risk.log_success(Grid(SPACE).points([deep, flat])))
    assert chances[0] < 0.25 and chances[1] > 0.75


def test_the_incumbent_is_what_was_measured_best() -> None:
    seen = [
        Observation({**SPACE.default, "MATRIX_LR": rate}, score)
        for rate, score in ((0.01, 1.0), (0.02, 0.7), (0.021, 1.1), (0.03, 1.2))
    ]
    gain = trust.Gain(SPACE, Grid(SPACE), seen)
    assert np.array_equal(gain.incumbent, Grid(SPACE).points([seen[1].configuration]))


def test_neighbours_would_run_as_they_are() -> None:
    grid, rng = Grid(SPACE), np.random.default_rng(0)
    centre = grid.points([SPACE.default])
    around = grid.neighbours(centre, 50, 2.0, (0.05, 0.3), rng)
    assert np.all(
        np.any(around != centre, axis=1) | (np.sum(around == centre, axis=1) == centre.shape[1])
    )
    for point in around:
        configuration = grid.configuration(point)
        assert SPACE.repair(configuration) == configuration
        # A float is written with three digits; everything else lies where it was put.
        assert grid.points([configuration])[0] == pytest.approx(point, abs=2e-3)


def test_alone_changes_one_constant_and_leaves_none_out() -> None:
    grid = Grid(SPACE)
    centre = grid.points([SPACE.default])[0]
    changed = [
        {n for n, v in grid.configuration(p).items() if v != SPACE.default[n]}
        for p in grid.alone(centre)
    ]
    assert all(len(names) == 1 for names in changed)
    assert set.union(*changed) == set(SPACE.names)


def changes(configuration: Configuration) -> set[str]:
    return {name for name, value in configuration.items() if value != SPACE.default[name]}


def test_half_of_the_first_proposals_change_one_constant_alone_and_the_others_most() -> None:
    seen = [Observation(SPACE.default, 1.0)]
    for _ in range(trust.FIRST - 1):
        configuration = trust.suggest(SPACE, seen, 3)
        seen.append(Observation(configuration, 1.1 + 0.1 * len(changes(configuration))))
    sizes = [len(changes(one.configuration)) for one in seen[1:]]
    assert 0.25 < np.mean([size == 1 for size in sizes]) < 0.75
    assert np.mean([size for size in sizes if size > 1]) > len(SPACE.names) / 2


def test_later_one_constant_is_changed_alone_only_where_own_trials_gain_nothing() -> None:
    own, told = (
        Observation({**SPACE.default, "DEPTH": 10}, 1.2, prior=prior) for prior in (False, True)
    )
    start, better = Observation(SPACE.default, 1.0), Observation({**SPACE.default, "DEPTH": 9}, 0.5)

    def share(*seen: Observation) -> float:
        return float(np.mean([trust._alone(seen, seed) for seed in range(200)]))

    assert share(start, *[own] * 60) == pytest.approx(0.5, abs=0.1)
    assert share(start, *[told] * 60) == share(start, *[own] * 60, better) == 0.0
    for count in range(2, trust.EARLY, 2):
        assert trust._alone([start] * count, 7) != trust._alone([start] * (count + 1), 7), (
            "one of each two"
        )


@pytest.mark.parametrize("seed", range(4))
def test_the_one_constant_that_gains_is_found_though_every_other_change_costs(seed: int) -> None:
    seen = [Observation(SPACE.default, 1.0)]
    for _ in range(50):
        configuration = trust.suggest(SPACE, seen, seed)
        others = changes(configuration) - {"BATCH"}
        gain = 0.1 * (float(configuration["BATCH"]) < float(SPACE.default["BATCH"]))
        seen.append(Observation(configuration, 1.0 + 0.2 * len(others) - gain))
    assert min(one.value for one in seen if one.value is not None) < 1.0


def test_the_hyperparameters_are_fitted_anew_where_a_tenth_of_the_trials_is_new() -> None:
    fitted = {count: trust.cut_of(count) for count in (1, 9, 19, 20, 21, 100, 109, 110, 150)}
    assert fitted == {1: 1, 9: 9, 19: 19, 20: 20, 21: 20, 100: 100, 109: 100, 110: 110, 150: 150}
