"""The judge keeps real improvements, and few of the lucky ones."""

import random
from statistics import mean, stdev

import pytest

from agent.judge import KEEP_SIGMAS, Noise, incumbent_of, judge, noise_of
from agent.records import Proposal, Provenance, Result, Score, Trial


def result(*values: float) -> Result:
    return Result(status="scored", scores=tuple(Score(value=v, seed=i, kind="sealed") for i, v in enumerate(values)))


def trial(number: int, status: str, *values: float) -> Trial:
    proposal = Proposal(hypothesis="h", by=Provenance(method="random", origin="search"))
    return Trial(number=number, status=status, proposal=proposal, reason="r", result=result(*values))


def test_the_first_score_is_the_baseline() -> None:
    verdict = judge(result(1.0, 1.2, 1.1), None, Noise())
    assert verdict.status == "baseline"
    assert "sd of 3 runs" in verdict.reason


@pytest.mark.parametrize(("value", "status"), [(0.97, "keep"), (0.99, "discard"), (1.0, "discard"), (1.5, "discard")])
def test_only_more_than_the_margin_is_kept(value: float, status: str) -> None:
    noise = Noise(sd=0.01, runs=3)
    verdict = judge(result(value), 1.0, noise)
    assert verdict.status == status
    assert verdict.delta == pytest.approx(value - 1.0)


@pytest.mark.parametrize("status", ["crash", "oom", "timeout", "invalid"])
def test_a_failure_keeps_its_own_name(status: str) -> None:
    verdict = judge(Result(status=status, detail="why"), 1.0, Noise(sd=0.1, runs=2))
    assert (verdict.status, verdict.reason, verdict.delta) == (status, "why", None)


def test_noise_and_incumbent_are_read_from_the_newest_trials() -> None:
    trials = [trial(0, "baseline", 1.0, 1.2), trial(1, "keep", 0.9), trial(2, "discard", 1.1)]
    assert noise_of(trials).sd == pytest.approx(stdev([1.0, 1.2]))
    assert incumbent_of(trials) == trials[1]
    assert noise_of([]).margin == 0.0
    assert incumbent_of([]) is None


def false_keeps(sigmas: float, rng: random.Random) -> int:
    """False keeps in 100 unchanged candidates, judged with the noise of three baseline runs."""
    baseline = [rng.gauss(0, 1) for _ in range(3)]
    noise = Noise(sd=stdev(baseline) * sigmas / KEEP_SIGMAS, runs=3)
    incumbent, keeps = mean(baseline), 0
    for _ in range(100):
        value = rng.gauss(0, 1)
        if judge(result(value), incumbent, noise).status == "keep":
            incumbent, keeps = value, keeps + 1
    return keeps


def test_unchanged_code_is_seldom_kept_where_greed_keeps_four() -> None:
    rng = random.Random(0)
    assert 3.5 < mean(false_keeps(0.0, rng) for _ in range(200)) < 5.5
    assert mean(false_keeps(KEEP_SIGMAS, rng) for _ in range(200)) < 1.5
