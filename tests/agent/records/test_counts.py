"""What is counted over trials and proposals: money, time, losses, keeps, means."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.records.guards import Check, Guard
from agent.records.lineage import Parent
from agent.records.losses import MOST_LOSSES, loss_of, own_fault
from agent.records.newest import kept_for_newest
from agent.records.pace import PAUSE_SECONDS, Pace, pace_of
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial, also_of, kept_in, on_newest_data
from agent.records.spending import spending_of
from tests.agent.propose.example import trial

START = datetime(2026, 11, 30, tzinfo=UTC)


def proposal(origin: str = "llm", cost: float | None = 0.1, called_off: bool = False) -> Proposal:
    fields = {"method": "m", "origin": origin, "cost": cost, "called_off": called_off}
    return Proposal(hypothesis="h", by=Provenance.model_validate(fields))


def test_a_sum_of_prices_counts_those_that_are_not_known() -> None:
    search = proposal("search", None)
    asked = [proposal(), proposal(), proposal(cost=0.00015), search, proposal(cost=None)]
    spent = spending_of([*asked, proposal(called_off=True), proposal("search", None, True)])
    assert (spent.dollars, spent.unpriced) == (0.30015, 2)
    assert proposal("baseline").is_baseline and not search.is_baseline


def test_a_place_that_is_lost_too_often_under_an_attempt_is_its_fault() -> None:
    other = loss_of("m", "node-a", "it died", own=False)
    own = [loss_of("m", "node-b", f"node-b is lost: it died {n}\nthere", True) for n in range(9)]
    assert own_fault([*own[: MOST_LOSSES - 1], *[other] * 9]) is None
    fault = own_fault([*own[:MOST_LOSSES], other])
    assert fault and fault.endswith(f"the last, node-b: it died {MOST_LOSSES - 1} there")


def timed(number: int, minutes: float, seconds: float = 60.0) -> Trial:
    """Return a trial whose verdict came at a minute, after so many seconds of training."""
    made = trial(number, 1.0)
    assert made.result
    scores = tuple(score.model_copy(update={"seconds": seconds}) for score in made.result.scores)
    result = made.result.model_copy(update={"seconds": seconds, "scores": scores})
    at = (START + timedelta(minutes=minutes)).isoformat()
    return made.model_copy(update={"at": at, "result": result})


def test_the_pace_of_a_run_is_without_the_pauses_between_its_sessions() -> None:
    steady = pace_of([timed(0, 1), timed(1, 2), timed(2, 3)])
    assert (steady.trained, steady.training) == (3, 180.0)
    assert steady.elapsed == pytest.approx(180, abs=2)
    assert steady.per_hour == pytest.approx(60, abs=1)
    later = 3 + 10 * PAUSE_SECONDS / 60
    paused = pace_of([timed(0, 1), timed(1, 2), timed(2, later)])
    assert paused.elapsed == pytest.approx(180, abs=3)
    beside = pace_of([timed(0, later, 60 * later), timed(1, 2), timed(2, later)])
    assert beside.elapsed == pytest.approx(60 * later, abs=2), "one trained all the time"
    assert pace_of([]).elapsed is None
    assert Pace(trained=1, training=60, elapsed=60).per_hour is None
    assert Pace(trained=2, training=60, elapsed=None).per_hour is None


def test_a_trial_is_valued_and_counted_by_its_status() -> None:
    def one(status: str, **more: Any) -> Trial:
        return trial(1, 1.5).model_copy(update={"status": status, **more})

    trials = [one(s) for s in ("baseline", "keep", "simplify", "discard", "guarded")]
    assert kept_in([*trials, one("adopted"), one("adopted")]) == 4
    assert (one("keep", estimate=1.2).value, one("keep").value) == (1.2, 1.5)
    guards = (Guard.model_validate("ms <= 5"),)
    held = [one("guarded"), one("discard", guards=guards), one("discard"), one("keep")]
    assert [trial.was_held_to_guards for trial in held] == [True, True, False, False]
    anew = one("baseline", new_data=True)
    assert on_newest_data(trials) == trials
    assert on_newest_data([anew, *trials, anew, *trials[:2]]) == [anew, *trials[:2]]


def test_further_metrics_are_means_of_its_own_runs() -> None:
    scores = [
        Score.model_validate({"value": 1, "seed": n, "kind": "sealed", "role": role, "also": also})
        for n, role, also in (
            (0, "candidate", {"ms": 2.0, "mb": 1.0}),
            (1, "candidate", {"ms": 4.0}),
            (0, "incumbent", {"ms": 90.0}),
        )
    ]
    checks = [Check(command=c, passed=c != "b", seconds=1, reason="") for c in "abc"]
    result = Result(status="scored", scores=tuple(scores), checks=tuple(checks))
    assert also_of(trial(1, 1.0).model_copy(update={"result": result})) == {"ms": 3.0, "mb": 1.0}
    assert result.failed_check == checks[1]
    assert result.model_copy(update={"checks": (checks[0],)}).failed_check is None


def test_results_are_kept_for_the_newest_arguments_by_identity() -> None:
    asked: list[list[int]] = []

    @kept_for_newest(2)
    def length(argument: list[int]) -> int:
        asked.append(argument)
        return len(argument)

    one = [1]
    two = [1]
    three = [1, 2]
    assert [length(each) for each in (one, one, two, three, two, one)] == [1, 1, 1, 2, 1, 1]
    assert [id(each) for each in asked] == [id(one), id(two), id(three), id(one)]


def test_a_parent_is_a_trial_or_the_newest_state() -> None:
    parent = Parent(tag="nov24", trial=0, first="a" * 40)
    assert str(parent) == "nov24#0"
    assert str(parent.model_copy(update={"trial": None})) == "nov24"


def test_a_guard_is_relative_where_it_has_no_limit() -> None:
    assert Guard.model_validate("ms <= baseline").is_relative
    assert not Guard.model_validate("ms <= 5").is_relative
