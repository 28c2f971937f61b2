"""Whether a training is over its limit, or the machine slow: by times alone."""

import pytest

from agent.judge.overtime import (
    PATIENCE,
    Clock,
    judge_time,
    over_reason,
    over_result,
    patient,
    time_of,
)
from agent.records.results import Result, Score
from sandbox.ground.budget import Budget, Limit
from sandbox.ground.deadline import Usual

TENTH = Limit(times=1.1)


def scored(*seconds: float, beside: tuple[float, ...] = ()) -> Result:
    own = [Score(value=1.0, seed=n, kind="self-reported", seconds=s) for n, s in enumerate(seconds)]
    others = [
        Score(value=1.0, seed=n, kind="self-reported", seconds=s, role="incumbent")
        for n, s in enumerate(beside)
    ]
    return Result(status="scored", scores=(*own, *others))


def ended(took: float, recheck: str | None = None) -> Result:
    record = {"status": "over-limit", "took": took, "recheck": recheck}
    return Result.model_validate(record)


def clock(
    beside: tuple[float, ...] = (), earlier: tuple[float, ...] = (10.0,), limit: Limit = TENTH
) -> Clock:
    return Clock(limit=limit, usual=10.0, earlier=earlier, beside=beside)


@pytest.mark.parametrize(
    ("result", "times", "verdict"),
    [
        (scored(11.0), clock(), "within"),
        (scored(11.1), clock(), "ask-incumbent"),
        (scored(11.1), clock((10.0,)), "ask-candidate"),
        (scored(11.1, 11.2), clock((10.0,)), "over"),
        (scored(11.1, 10.0), clock((10.0,)), "within"),
        (scored(13.0), clock((12.0,)), "within"),
        (scored(13.0), clock((12.0,), earlier=()), "within"),
        (scored(11.1, 11.2), clock((5.0,)), "over"),
        (ended(18.5), clock(), "ask-incumbent"),
        (ended(18.5), clock((10.0,)), "over"),
        (ended(18.5), clock((20.0,)), "ask-candidate"),
        (ended(18.5, "failed"), clock(), "over"),
        (scored(12.5), clock(limit=Limit(duration=12)), "over"),
        (scored(12.0), clock(limit=Limit(duration=12)), "within"),
        (ended(20.0), clock((20.0,), limit=Limit(duration=12)), "over"),
        (scored(0.2), Clock(TENTH, usual=0.1, earlier=(), beside=()), "within"),
        (Result(status="crash"), clock(), "within"),
    ],
)
def test_times_beside_each_other_decide(result: Result, times: Clock, verdict: str) -> None:
    assert judge_time(result, times) == verdict


def test_a_candidate_takes_what_its_runs_usually_take() -> None:
    assert time_of(scored(1.0, 9.0, 2.0)) == 2.0
    assert time_of(scored(9.0, 2.0)) == 2.0, "of two the shorter one"
    assert time_of(scored(1.0, beside=(9.0, 9.0))) == 1.0
    assert time_of(ended(18.5)) == 18.5
    assert time_of(Result(status="crash")) is None


def test_what_is_over_keeps_the_scores_of_others_alone() -> None:
    result = over_result(scored(12.0, 13.0, beside=(10.0,)))
    assert (result.status, result.took) == ("over-limit", 12.0)
    assert [score.role for score in result.scores] == ["incumbent"]
    assert "trained 12.0 s and had not ended" in over_reason(result, clock((10.0,)))


def test_the_incumbents_slowest_run_beside_it_says_how_slow_the_machine_is() -> None:
    assert clock((8.0, 15.0), earlier=(9.0, 10.0, 14.0)).drift == 1.5
    assert clock((8.0,)).drift == 1.0, "a faster machine takes nothing away"
    assert clock(()).drift == 1.0
    assert clock((20.0,), limit=Limit(duration=12)).drift == 1.0
    assert clock((20.0,), earlier=(0.0,)).drift == 1.0
    assert clock((15.0,)).allowed == pytest.approx(16.5)


def test_kept_code_has_patience_under_a_limit_alone() -> None:
    usual = Usual(seconds=10.0)
    assert patient(usual, None, TENTH) == Usual(seconds=10.0 * PATIENCE)
    assert patient(usual, Budget(amount=12), TENTH) == usual, "the training keeps to its budget"
    assert patient(None, None, TENTH) is None


def test_why_it_is_over_names_every_time() -> None:
    assert over_reason(scored(13.0), clock((11.0,))) == (
        "trained 13.0 s, where the baseline takes 10.0 s and 1.1x of it allows 12.1 s; "
        "the incumbent took 11.0 s beside it (before: 10.0 s)"
    )
    assert over_reason(scored(12.0), clock(earlier=())).endswith("of it allows 11.0 s")
    assert over_reason(scored(12.5), clock(limit=Limit(duration=12))) == (
        "trained 12.5 s, where the limit allows 12s"
    )
