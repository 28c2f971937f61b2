"""A start says when a trial is shorter than what surrounds it."""

import pytest

from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial
from agent.run import stopwatch
from agent.run.stopwatch import Stopwatch


def baseline(seconds: float) -> Trial:
    scores = tuple(Score(value=1.0, seed=seed, kind="self-reported") for seed in range(3))
    return Trial(
        number=0,
        status="baseline",
        proposal=Proposal(hypothesis="h", by=Provenance(method="baseline", origin="baseline")),
        reason="r",
        result=Result(status="scored", scores=scores, seconds=seconds),
    )


@pytest.fixture
def after_three_seconds(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    now = iter([100.0, 103.0])
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: next(now))
    watch = Stopwatch()
    watch.start()
    return watch


def test_short_trainings_get_a_warning_about_overhead(after_three_seconds: Stopwatch) -> None:
    words = after_three_seconds.words(baseline(0.6))
    assert words and words.startswith("a training takes 0.20 s, and 0.80 s pass around it")


def test_scoring_is_no_overhead(after_three_seconds: Stopwatch) -> None:
    measured = baseline(0.6)
    assert measured.result
    scored = measured.result.model_copy(update={"score_seconds": 2.0})
    assert after_three_seconds.words(measured.model_copy(update={"result": scored})) is None


def test_long_trainings_get_no_warning_about_overhead(after_three_seconds: Stopwatch) -> None:
    assert after_three_seconds.words(baseline(1.6)) is None


def test_a_baseline_that_an_earlier_session_began_says_nothing() -> None:
    assert Stopwatch().words(baseline(0.6)) is None
