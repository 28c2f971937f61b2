"""The statistics against values from elsewhere: by hand, from tables, and from R."""

import numpy as np
import pytest

from agent.benchmark.results import Line, Run
from agent.benchmark.statistics import (
    Reached,
    band,
    compare,
    gains,
    holm,
    incumbents,
    least_p,
    ranks,
    reached,
    signed_rank,
)

RUN = Run(task="t", method="m", seed=0)


def line(number: int, value: float | None, true: float | None = None) -> Line:
    """Return a trial."""
    failure = None if value is not None else "crash"
    return Line(run=RUN, number=number, configuration={}, value=value, true=true, failure=failure)


def test_the_incumbent_is_what_was_measured_best_and_counts_as_it_truly_is() -> None:
    lines = [
        line(0, 1.0, 1.0),
        line(1, 0.8, 0.95),
        line(2, None),
        line(3, 0.9, 0.7),
        line(4, 0.5, 0.6),
    ]
    assert incumbents(lines).tolist() == [1.0, 0.95, 0.95, 0.95, 0.6]
    assert gains(lines).tolist() == pytest.approx([0.0, 0.05, 0.05, 0.05, 0.4])


def test_without_the_truth_the_measured_score_counts() -> None:
    assert incumbents([line(0, 2.0), line(1, 3.0), line(2, 1.0)]).tolist() == [2.0, 2.0, 1.0]


def test_ranks_share_ties() -> None:
    assert ranks(np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0]])).tolist() == [
        [1.0, 3.0, 2.0],
        [1.5, 1.5, 3.0],
    ]


def test_holm_is_r_s_p_adjust() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_signed_rank_test_is_wilcoxon_s() -> None:
    # All ten differences of one sign: 2 / 2^10.
    assert signed_rank(np.arange(1.0, 11.0)) == pytest.approx(2 / 2**10)
    # Hollander and Wolfe's depression data (the example of R): V = 40, p = 0.03906.
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    assert signed_rank(before - after) == pytest.approx(0.03906, abs=5e-6)
    assert signed_rank(np.zeros(5)) == 1.0
    assert least_p(10) == pytest.approx(2 / 2**10)


def test_a_band_holds_the_mean_and_narrows_with_the_seeds() -> None:
    rng = np.random.default_rng(1)
    few = rng.normal(1.0, 1.0, (8, 3))
    many = rng.normal(1.0, 1.0, (200, 3))
    mean, low, high = band(few)
    assert np.allclose(mean, few.mean(axis=0))
    assert np.all((low < mean) & (mean < high))
    _, lower, upper = band(many)
    assert np.all(upper - lower < high - low)
    # For a mean of 200 normal values: about 2 x 1.96 / sqrt(200).
    assert np.allclose(upper - lower, 2 * 1.96 / 200**0.5, rtol=0.2)


def test_a_mean_gain_is_reached_as_soon_as_these_seeds_say_and_as_others_like_them_would() -> None:
    certain = np.tile([0.0, 1.0, 2.0, 3.0], (6, 1))
    assert reached(certain, np.full(6, 2.0)) == Reached(2, 2, 2)
    assert reached(certain, np.full(6, 4.0)) == Reached(None, None, None)
    assert reached(certain, certain[:, -1]) == Reached(3, 3, 3), (
        "its own end, whatever a sum is rounded to"
    )
    # Half of the seeds gain 1 at once, the others never.
    mixed = np.array([[0.0, 1.0]] * 5 + [[0.0, 0.0]] * 5)
    assert reached(mixed, np.full(10, 0.5)) == Reached(1, 1, None)
    assert reached(mixed, np.full(10, 0.1)) == Reached(1, 1, 1)


def test_the_seeds_of_both_are_drawn_alike() -> None:
    # Seeds differ by far more than the methods do; the lead at trial 2 is the same under each.
    size = np.arange(12.0)[:, None]
    assert reached(size + np.array([0.0, 0.9, 1.1]), size[:, 0] + 1.0) == Reached(2, 2, 2)


def test_pairs_are_compared_and_corrected_together() -> None:
    samples = {"a": np.arange(1.0, 11.0), "b": np.zeros(10), "c": np.zeros(10)}
    pairs = {(pair.first, pair.second): pair for pair in compare(samples)}
    assert pairs["a", "b"].wins == 10 and pairs["a", "b"].losses == 0
    assert pairs["a", "b"].corrected == pytest.approx(3 * 2 / 2**10)
    assert pairs["a", "b"].significant
    assert pairs["b", "c"].p == pairs["b", "c"].corrected == 1.0
    assert not pairs["b", "c"].significant


def test_chance_alone_is_rarely_called_a_difference() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(60):
        pairs = compare({name: rng.normal(size=12) for name in "abcd"})
        wrong += any(pair.significant for pair in pairs)
    assert wrong <= 8  # 3 expected
