"""The luck in a gain that passed a threshold, against a simulation of many candidates."""

import numpy as np
import pytest

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Baseline, Discard, Keep, Refusal, Rerun, overtaken
from agent.judge.luck import luck_of_look, luck_of_screen
from agent.judge.noise import Noise

MANY = 400_000


@pytest.mark.parametrize(("gain", "threshold"), [(0.0, 2.0), (1.0, 1.5), (3.0, 2.0)])
def test_the_luck_of_a_screen_is_what_lies_above_the_truth(gain: float, threshold: float) -> None:
    tau = 0.5
    seen = np.random.default_rng(0).normal(gain * tau, tau, MANY)
    passed = seen[seen > threshold * tau]
    expected = np.mean(passed) - gain * tau
    assert luck_of_screen(gain * tau, tau, threshold * tau) == pytest.approx(expected, abs=0.01)
    assert luck_of_screen(1.0, 0.0, 0.5) == 0.0, "without noise there is no luck"


@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize(("gain", "threshold"), [(0.5, 1.0), (1.5, 1.2)])
def test_the_luck_of_a_look_is_what_the_confirming_runs_owe_to_it(
    looks: int, gain: float, threshold: float
) -> None:
    tau = 0.5
    low, high = 0.79, 2.8
    rng = np.random.default_rng(0)
    truth = gain * tau
    screens = rng.normal(truth, tau, MANY)
    means = rng.normal(truth, tau / looks**0.5, MANY)
    asked = (screens > low * tau) & (screens < high * tau)
    passed = asked & ((screens + looks * means) / (looks + 1) > threshold * tau)
    expected = np.mean(means[passed]) - truth
    luck = luck_of_look(truth, tau, threshold * tau, looks, (low, high))
    assert luck == pytest.approx(expected, abs=0.01)
    assert luck_of_look(truth, 0.0, 0.5, looks, (low, high)) == 0.0
    none = luck_of_look(0.0, tau, threshold * tau, looks, (low, high))
    assert luck_of_look(-tau, tau, threshold * tau, looks, (low, high)) == none, "no loss is true"


def test_a_gain_or_a_loss_without_any_noise_is_certain() -> None:
    still = Noise(sd=0.0, degrees=5)
    assert isinstance(decide(Case(differences=(0.01, 0.01), noise=still), Rule()), Discard)
    assert decide(Case(differences=(-0.01, -0.01), noise=still), Rule()).kind == "keep"
    unknown = Case(differences=(-0.5, -0.5))
    assert isinstance(decide(unknown, Rule()), Rerun), "two equal differences tell of no noise"


def test_a_keep_is_never_recorded_with_a_loss() -> None:
    lucky = Case(differences=(-0.040, -0.001), noise=Noise(sd=0.01, degrees=20))
    kept = decide(lucky, Rule())
    assert isinstance(kept, Keep) and kept.delta == 0.0


def test_only_a_winner_that_was_overtaken_is_tried_again() -> None:
    assert not Discard(reason="worse").retry and not Refusal(reason="no-op").retry
    worse = Discard(reason="worse", delta=0.1)
    assert overtaken(worse) == worse
    undecided = overtaken(Rerun(reason="undecided"))
    assert not undecided.retry and undecided.delta is None
    assert undecided.reason.startswith("undecided; ")
    assert Baseline(reason="r").kind == "baseline"
