"""The smallest gain that is detected: what the judge itself keeps of gains of that size."""

import random

import pytest

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Keep
from agent.judge.noise import Noise
from agent.judge.resolution import LEARNT, POWER, resolutions


def test_more_pairs_show_smaller_gains_in_proportion_to_the_noise() -> None:
    gains = [resolution.gain for resolution in resolutions(1.0, Rule())]
    assert gains[0] > gains[1] > gains[2] > 0
    scaled = [resolution.gain for resolution in resolutions(0.01, Rule())]
    assert scaled == pytest.approx([gain / 100 for gain in gains])


def test_a_larger_error_budget_shows_smaller_gains() -> None:
    strict = resolutions(1.0, Rule(false_keeps=0.5))
    loose = resolutions(1.0, Rule(false_keeps=10))
    assert loose[1].gain < strict[1].gain
    assert [each.trainings for each in strict] == [1, 6, 12]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_judge_keeps_a_gain_of_that_size_about_as_often_as_promised(place: int) -> None:
    resolution = resolutions(1.0, Rule())[place]
    stream = random.Random(7)
    noise = Noise(sd=1.0, degrees=LEARNT)
    kept = 0
    for _ in range(1000):
        differences = tuple(stream.gauss(-resolution.gain, 1.0) for _ in range(resolution.pairs))
        kept += isinstance(decide(Case(differences=differences, noise=noise), Rule()), Keep)
    assert abs(kept / 1000 - POWER) < 0.1
