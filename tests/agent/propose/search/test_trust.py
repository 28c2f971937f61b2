"""The parts of the trust region: the Gaussian process, expected gains, predicted failures."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from agent.propose import Observation
from agent.propose.search import gaussian, random, trust
from agent.propose.search.grid import Grid
from agent.propose.search.observe import values_of
from agent.records.proposals import Configuration
from tests.agent.propose.example import SPACE

GROUPS = np.array([0, 1, 2, 2])


def example(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a cube, and a function of their first column alone."""
    points = np.random.default_rng(0).random((count, 4))
    return points, np.sin(4 * points[:, 0])


def test_the_gradient_is_that_of_the_loss() -> None:
    points, values = example(20)
    columns = [points[:, group == GROUPS] for group in range(3)]
    differences = np.stack([gaussian.squared_distances(column, column) for column in columns])

    def loss(theta: np.ndarray) -> float:
        return gaussian._loss(theta, differences, values)[0]

    theta = np.array([0.3, -0.2, 0.5, -3.0, 0.2])
    _, gradient = gaussian._loss(theta, differences, values)
    steps = 1e-5 * np.eye(5)
    for step, expected in zip(steps, gradient, strict=True):
        slope = (loss(theta + step) - loss(theta - step)) / 2e-5
        assert slope == pytest.approx(expected, abs=1e-5)


def test_it_finds_the_column_that_matters_and_is_unsure_far_from_its_points() -> None:
    points, values = example(40)
    theta = gaussian.fit(points, values, GROUPS)
    assert theta[0] < theta[1] - 1 and theta[0] < theta[2] - 1
    process = gaussian.condition(points, values, theta, GROUPS)
    between, spread = process.predict(np.array([[0.5, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]]))
    assert between[0] == pytest.approx(np.sin(2.0), abs=0.1)
    assert spread[1] > 5 * spread[0]


def test_the_improvement_is_that_of_the_textbook_without_underflow() -> None:
    z = np.array([-40.0, -8.0, -1.0, 0.0, 2.0])
    logs = trust.log_improvement(z)
    assert np.all(np.isfinite(logs)) and np.all(np.diff(logs) > 0)
    assert np.exp(logs[2:]) == pytest.approx([0.08332, 0.39894, 2.00849], abs=1e-4)


def drawn(count: int, works: Callable[[Configuration], bool]) -> list[Observation]:
    """Return random configurations; those that do not work failed."""
    trials: list[Observation] = []
    for _ in range(count):
        configuration = random.suggest(SPACE, trials, 4)
        trials.append(Observation(configuration, 1.0 if works(configuration) else "oom"))
    return trials


def test_a_wall_between_two_constants_is_learnt() -> None:
    def works(c: Configuration) -> bool:
        return float(c["DEPTH"]) * float(c["HEAD_DIM"]) <= 1500

    trials = drawn(60, works)
    grid = Grid(SPACE)
    risk = trust.Risk(grid, trials, np.random.default_rng(0))
    others = [random.suggest(SPACE, trials, seed) for seed in range(5, 85)]
    predicted = risk.log_success(grid.points(others)) > np.log(0.5)
    actual = np.array([works(configuration) for configuration in others])
    assert 20 < np.sum(actual) < 60
    assert np.mean(predicted == actual) > 0.85


def test_what_is_larger_than_all_that_failed_is_predicted_to_fail() -> None:
    trials = drawn(120, lambda c: float(c["DEPTH"]) < 15)
    trials = [trial for trial in trials if float(trial.configuration["DEPTH"]) < 19]
    assert {trial.failure for trial in trials} == {None, "oom"}
    risk = trust.Risk(Grid(SPACE), trials, np.random.default_rng(0))
    deep = {**SPACE.default, "DEPTH": 24}
    flat = {**SPACE.default, "DEPTH": 4}
    chances = np.exp(risk.log_success(Grid(SPACE).points([deep, flat])))
    assert chances[0] < 0.25
    assert chances[1] > 0.75


def test_the_incumbent_is_what_was_measured_best() -> None:
    trials = [
        Observation({**SPACE.default, "MATRIX_LR": rate}, score)
        for rate, score in ((0.01, 1.0), (0.02, 0.7), (0.021, 1.1), (0.03, 1.2))
    ]
    gain = trust.Gain(SPACE, Grid(SPACE), trials)
    assert np.array_equal(gain.incumbent, Grid(SPACE).points([trials[1].configuration]))


def test_neighbours_would_run_as_they_are() -> None:
    grid = Grid(SPACE)
    rng = np.random.default_rng(0)
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
    changed = [changes(grid.configuration(point)) for point in grid.alone(centre)]
    assert all(len(names) == 1 for names in changed)
    assert set.union(*changed) == set(SPACE.names)


def changes(configuration: Configuration) -> set[str]:
    """Return the names of the constants that differ from the default."""
    return {name for name, value in configuration.items() if value != SPACE.default[name]}


def test_half_of_the_first_proposals_change_one_constant_alone_and_the_others_most() -> None:
    trials = [Observation(SPACE.default, 1.0)]
    for _ in range(trust.FIRST - 1):
        configuration = trust.suggest(SPACE, trials, 3)
        trials.append(Observation(configuration, 1.1 + 0.1 * len(changes(configuration))))
    sizes = [len(changes(trial.configuration)) for trial in trials[1:]]
    assert 0.25 < np.mean([size == 1 for size in sizes]) < 0.75
    assert np.mean([size for size in sizes if size > 1]) > len(SPACE.names) / 2


def test_later_one_constant_is_changed_alone_only_where_own_trials_gain_nothing() -> None:
    start = Observation(SPACE.default, 1.0)
    own = Observation({**SPACE.default, "DEPTH": 10}, 1.2)
    prior = replace(own, prior=True)
    better = Observation({**SPACE.default, "DEPTH": 9}, 0.5)

    def share(*trials: Observation) -> float:
        return float(np.mean([trust._alone(trials, seed) for seed in range(200)]))

    assert share(start, *[own] * 60) == pytest.approx(0.5, abs=0.1)
    assert share(start, *[prior] * 60) == 0.0
    assert share(start, *[own] * 60, better) == 0.0
    for count in range(2, trust.EARLY, 2):
        first = trust._alone([start] * count, 7)
        second = trust._alone([start] * (count + 1), 7)
        assert first != second, "one of each two"


def test_stalled_begins_after_so_many_own_trials() -> None:
    start = Observation(SPACE.default, 1.0)
    pending = Observation({**SPACE.default, "DEPTH": 11})
    own = Observation({**SPACE.default, "DEPTH": 10}, 1.2)
    filler = [replace(own, prior=True)] * trust.EARLY

    def is_ever_alone(idle: int) -> bool:
        trials = [*filler, start, *[own] * idle, pending]
        return any(trust._alone(trials, seed) for seed in range(20))

    assert not is_ever_alone(trust.STALLED - 1)
    assert is_ever_alone(trust.STALLED)


def test_a_process_interpolates_and_keeps_its_mean_far_away() -> None:
    points, values = example(40)
    theta = np.array([-1.0, 2.0, 2.0, -12.0, 0.0])
    process = gaussian.condition(points, values, theta, GROUPS)
    mean, spread = process.predict(points)
    assert mean == pytest.approx(values, abs=1e-2)
    assert np.all(spread < 0.05)
    far, unsure = process.predict(np.full((1, 4), 1e6))
    assert far[0] == pytest.approx(np.mean(values))
    assert unsure[0] == pytest.approx(1.0)


def test_warping_keeps_the_order_and_compresses_the_worse_half() -> None:
    warped = trust.warp(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    assert np.all(np.diff(warped) > 0)
    assert warped[2] == 0.0
    assert np.std(warped) == pytest.approx(1.0)
    assert warped[1] - warped[0] == pytest.approx(warped[2] - warped[1])
    assert warped[4] / warped[3] == pytest.approx(np.log1p(498.5) / np.log1p(0.5))


def test_a_risky_gain_counts_less_than_a_safe_one() -> None:
    def works(c: Configuration) -> bool:
        return float(c["DEPTH"]) < 15

    trials = [
        replace(trial, outcome=2.0 - float(trial.configuration["DEPTH"]) / 24)
        if trial.failure is None
        else trial
        for trial in drawn(60, works)
    ]
    proposed = [trust.suggest(SPACE, trials, seed) for seed in range(8)]
    assert sum(map(works, proposed)) >= 6, "deeper would be better, and fails"


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
def test_the_one_constant_that_gains_is_found_though_every_other_change_costs(seed: int) -> None:
    trials = [Observation(SPACE.default, 1.0)]
    for _ in range(50):
        configuration = trust.suggest(SPACE, trials, seed)
        others = changes(configuration) - {"BATCH"}
        gain = 0.1 * (float(configuration["BATCH"]) < float(SPACE.default["BATCH"]))
        trials.append(Observation(configuration, 1.0 + 0.2 * len(others) - gain))
    assert min(values_of(trials)) < 1.0


def test_the_hyperparameters_are_fitted_anew_where_a_tenth_of_the_trials_is_new() -> None:
    fitted = {count: trust.cut_of(count) for count in (1, 9, 19, 20, 21, 100, 109, 110, 150)}
    assert fitted == {1: 1, 9: 9, 19: 19, 20: 20, 21: 20, 100: 100, 109: 100, 110: 110, 150: 150}


SCORED = [
    Observation({**SPACE.default, "DEPTH": depth}, 1.0 + 0.02 * (depth - 14) ** 2)
    for depth in (4, 6, 8, 10, 11)
]
DEEPER = {**SPACE.default, "DEPTH": 13}


def test_a_gain_is_hoped_for_where_scores_lead_and_where_nothing_is_known() -> None:
    gain = trust.Gain(SPACE, Grid(SPACE), SCORED)
    bad = SCORED[0].configuration
    good = SCORED[-1].configuration
    expected = gain.log_expected(Grid(SPACE).points([bad, good, DEEPER]))
    assert expected[2] > expected[0] + 1 and expected[1] > expected[0] + 1
    hoped = gain.hoped(Grid(SPACE).points([bad, good, DEEPER]))
    assert hoped[0] < 0 < hoped[2]
    assert hoped[2] > hoped[1], "beyond the best, and unmeasured"


def test_a_point_beside_a_pending_one_promises_less() -> None:
    unknown = {**SPACE.default, "MATRIX_LR": 0.2}
    points = Grid(SPACE).points([unknown])
    alone = trust.Gain(SPACE, Grid(SPACE), SCORED)
    waiting = trust.Gain(SPACE, Grid(SPACE), [*SCORED, Observation(unknown)])
    assert waiting.log_expected(points)[0] < alone.log_expected(points)[0] - 0.1
    assert waiting.hoped(points)[0] < alone.hoped(points)[0] - 0.1
    assert np.array_equal(waiting.incumbent, alone.incumbent), "it has no score yet"


def test_what_is_pending_says_nothing_about_failures() -> None:
    failed = Observation({**SPACE.default, "DEPTH": 20}, "oom")
    pending = Observation({**SPACE.default, "DEPTH": 21})
    points = Grid(SPACE).points([pending.configuration, SPACE.default])

    def chances(*more: Observation) -> np.ndarray:
        trials = [*SCORED, failed, *more]
        return trust.Risk(Grid(SPACE), trials, np.random.default_rng(0)).log_success(points)

    assert np.array_equal(chances(), chances(pending, pending))
    assert chances()[0] < chances()[1] <= 0
    assert np.all(chances() >= np.log(trust.LEAST))
    safe = trust.Risk(Grid(SPACE), SCORED, np.random.default_rng(0)).log_success(points)
    assert np.array_equal(safe, [0.0, 0.0]), "nothing has failed yet"


def test_a_pruned_or_prior_trial_that_ended_well_is_no_failure() -> None:
    failed = Observation({**SPACE.default, "DEPTH": 20}, "oom")
    points = Grid(SPACE).points([DEEPER])
    fewer = trust.Risk(Grid(SPACE), [*SCORED, failed], np.random.default_rng(0))
    works = [Observation(DEEPER, 1.0, prior=True)] * 3
    more = trust.Risk(Grid(SPACE), [*SCORED, failed, *works], np.random.default_rng(0))
    assert more.log_success(points)[0] > fewer.log_success(points)[0]


def test_the_process_looks_at_the_nearest_only_in_the_order_of_measuring() -> None:
    points = np.arange(trust.NEAREST + 50.0)[:, None]
    assert np.array_equal(trust.nearest(points, points[0]), np.arange(trust.NEAREST))
    assert np.array_equal(trust.nearest(points, points[-1]), np.arange(50, trust.NEAREST + 50))
    assert np.array_equal(trust.nearest(points[:3], points[2]), [0, 1, 2])


def test_a_proposal_is_the_same_for_the_same_ledger_and_differs_by_seed() -> None:
    later = SCORED * 3  # behind the opening, whose moves are alike under most seeds
    proposed = [trust.suggest(SPACE, later, seed) for seed in range(6)]
    assert proposed == [trust.suggest(SPACE, list(later), seed) for seed in range(6)]
    assert len({tuple(one.items()) for one in proposed}) > 2
    assert all(SPACE.repair(one) == one for one in proposed)
    waiting = trust.suggest(SPACE, [*later, Observation(proposed[0])], 0)
    assert waiting != proposed[0], "what is pending is not proposed again"


def test_while_all_fail_it_stays_near_what_runs_by_itself() -> None:
    failed = [Observation({**SPACE.default, "DEPTH": depth}, "oom") for depth in (20, 22)]
    for seed in range(4):
        configuration = trust.suggest(SPACE, failed, seed)
        assert configuration not in [trial.configuration for trial in failed]
        assert configuration != SPACE.default
