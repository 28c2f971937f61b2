"""A target is proved by fresh runs alone: by the worse end of their mean, never by the mean."""

import pytest

from agent.judge.guards import LEVEL
from agent.judge.noise import Noise, critical
from agent.judge.target import LEAST_FRESH, MOST_FRESH, needs_more, proof_of
from agent.records.objective import LOWER, Sense
from agent.records.target import TargetResult

HIGHER = Sense(direction="maximize")
BETWEEN_SEEDS = Noise(sd=9.0, degrees=50, seeds=0.1, runs=9)
"""Nine runs of baselines leave eight degrees of freedom; the paired noise is another matter."""


def bound(values: list[float], noise: Noise, sense: Sense = LOWER) -> float:
    proof = proof_of(values, 1.0, sense, noise, exact=False)
    assert proof.bound is not None
    return proof.bound


def test_the_bound_is_that_of_students_t_over_the_noise_between_seeds() -> None:
    half = critical(LEVEL, 8) * 0.1
    assert bound([0.5], BETWEEN_SEEDS) == pytest.approx(0.5 + half)
    assert bound([0.5], BETWEEN_SEEDS, HIGHER) == pytest.approx(0.5 - half)
    assert bound([0.5, 0.5], BETWEEN_SEEDS) < bound([0.5], BETWEEN_SEEDS)


@pytest.mark.parametrize(("sense", "values"), [(LOWER, [0.9, 0.95]), (HIGHER, [1.1, 1.05])])
def test_a_target_is_reached_when_the_bound_passes_it(sense: Sense, values: list[float]) -> None:
    end = bound(values, BETWEEN_SEEDS, sense)
    at_the_end = proof_of(values, end, sense, BETWEEN_SEEDS, exact=False)
    worse = end + (1e-6 if sense is HIGHER else -1e-6)
    assert at_the_end.reached
    assert not proof_of(values, worse, sense, BETWEEN_SEEDS, exact=False).reached
    assert (at_the_end.value, at_the_end.runs) == (pytest.approx(sum(values) / 2), 2)


def test_nothing_is_proved_without_noise_unless_the_score_is_exact() -> None:
    unknown = proof_of([0.1], 1.0, LOWER, Noise(), exact=False)
    assert (unknown.reached, unknown.bound) == (False, None)
    exact = proof_of([1.0], 1.0, LOWER, Noise(), exact=True)
    assert (exact.reached, exact.bound) == (True, 1.0)
    assert not proof_of([1.0 + 1e-9], 1.0, LOWER, Noise(), exact=True).reached


@pytest.mark.parametrize(
    ("runs", "value", "more"),
    [
        (2, 1.2, True),  # too few to give up
        (3, 1.2, False),  # their mean is short of it
        (LEAST_FRESH, 1.0, True),
        (LEAST_FRESH, 0.9, True),
        (MOST_FRESH - 1, 0.9, True),
        (MOST_FRESH, 0.9, False),
    ],
)
def test_another_run_is_made_while_it_may_still_prove_it(
    runs: int, value: float, more: bool
) -> None:
    proof = TargetResult(target=1.0, reached=False, value=value, bound=2.0, runs=runs)
    assert needs_more(proof, LOWER) is more
    assert not needs_more(proof.model_copy(update={"reached": True}), LOWER)
