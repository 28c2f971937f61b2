"""Whether a training is over its limit, or the machine slow: by times alone."""

import pytest

from agent.judge.overtime import Clock, judge_time, over_reason, over_result, time_of
from agent.records.results import Result, Score
from sandbox.ground.budget import Limit

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
    assert time_of(Result(status="crash")) is None


def test_what_is_over_keeps_the_scores_of_others_alone() -> None:
    result = over_result(scored(12.0, 13.0, beside=(10.0,)))
    assert (result.status, result.took) == ("over-limit", 12.0)
    assert [score.role for score in result.scores] == ["incumbent"]
    assert "trained 12.0 s and had not ended" in over_reason(result, clock((10.0,)))
