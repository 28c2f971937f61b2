"""Results: what one run gives, and what becomes of it beside the attempt's earlier runs."""

from typing import Any

import pytest

from agent.evaluate.machine import Conditions
from agent.evaluate.results import (
    Pruned,
    Scored,
    add_run,
    check_record,
    crashed,
    failed_result,
    first_score,
    in_units,
    on_scale,
    pruned_result,
    scored_result,
    with_guarded,
)
from agent.records.objective import Sense
from agent.records.proposals import Proposal, Provenance
from agent.records.results import MAX_TAIL_CHARACTERS, Order, Result, Role, Score, Trial
from agent.records.slots import Slot
from sandbox.ground.budget import Budget
from sandbox.score.checking import Failed, Passed
from sandbox.score.measure import Measured, Stopped, Unscored
from sandbox.score.metric import Reading

SLOT = Slot(number=1, cpus=(0, 1), machine="aa00aa00 H100")
SECONDS = Budget(amount=60)


def score(seed: int = 0, role: Role = "candidate", value: float = 1.0, **more: Any) -> Score:
    return Score(value=value, seed=seed, kind="self-reported", role=role, **more)


def scored(*scores: Score, **more: Any) -> Result:
    return Result.model_validate(
        {"status": "scored", "scores": scores or (score(),), "seconds": 2.0, **more}
    )


def failed(status: str, **more: Any) -> Result:
    return Result.model_validate({"status": status, "seconds": 1.0, "detail": "boom", **more})


def order(role: Role = "candidate", seed: int = 1, audit: str = "usual") -> Order:
    return Order.model_validate({"commit": "c", "seed": seed, "role": role, "audit": audit})


# ---------------------------------------------------------------- one run


def measured(**more: Any) -> Result:
    fields = {"value": 1.5, "score": "self-reported", "seconds": 10.0, **more}
    run = Scored(Measured(**fields), Conditions(clock=900.0, celsius=60.0))
    return scored_result(run, order(seed=3), SLOT, SECONDS, "A")


def test_a_scored_run_says_where_how_long_and_how_it_was_read() -> None:
    reading = Reading(value=1.5, unit="%", line="acc: 1.5%", blocks=2, times=3)
    result = measured(
        seconds=10.126,
        startup=2.1249,
        score_seconds=3.6,
        peak_memory_bytes=3 * 2**20,
        parameters=7,
        cut=True,
        also={"ms": 4.0},
        reading=reading,
        facts={"num_steps": 50},
    )
    [found] = result.scores
    assert (found.value, found.seed, found.machine, found.cores) == (1.5, 3, SLOT.machine, 2)
    assert (found.seconds, found.startup, found.cut) == (10.13, 2.12, True)
    assert (found.clock, found.celsius, found.also) == (900.0, 60.0, {"ms": 4.0})
    assert (found.line, found.unit, found.summaries, found.times) == ("acc: 1.5%", "%", 2, 3)
    assert (result.score_seconds, result.seconds) == (4.0, 10.13), "no finer figure of scoring"
    assert (result.peak_memory_mb, result.parameters, result.tier) == (3.0, 7, "A")
    unknown = measured().scores[0]
    assert (unknown.startup, unknown.speed, unknown.times) == (None, None, 0)


@pytest.mark.parametrize(
    ("facts", "budget", "seconds", "speed"),
    [
        ({"num_steps": 50}, SECONDS, 10.0, 5.0),
        ({"num_steps": 50}, Budget(amount=20, unit="steps"), 10.0, 2.0),
        ({}, Budget(amount=20, unit="steps"), 10.0, 2.0),
        ({"num_steps": 50}, None, 10.0, 5.0),
        ({"num_steps": 1.23456}, SECONDS, 1.0, 1.235),
        ({}, SECONDS, 10.0, None),
        ({"num_steps": True}, SECONDS, 10.0, None),
        ({"num_steps": "50"}, SECONDS, 10.0, None),
        ({"num_steps": 0}, SECONDS, 10.0, None),
        ({"num_steps": 50}, SECONDS, 0.0, None),
    ],
)
def test_speed_is_of_the_steps_that_are_known(
    facts: dict[str, Any], budget: Budget | None, seconds: float, speed: float | None
) -> None:
    run = Scored(Measured(value=1.0, score="sealed", seconds=seconds, facts=facts), Conditions())
    result = scored_result(run, order(), SLOT, budget, "A")
    assert result.scores[0].speed == speed


def test_a_failed_run_has_its_tail_and_its_time_where_that_was_too_long() -> None:
    tail = "x" * MAX_TAIL_CHARACTERS + "the end"
    crash = Unscored(status="crash", detail="no", tail=tail, seconds=3.456, overshot=True)
    result = failed_result(crash, SLOT, "A")
    assert (result.status, result.detail, result.machine) == ("crash", "no", SLOT.machine)
    assert result.tail.endswith("the end") and len(result.tail) == MAX_TAIL_CHARACTERS
    assert (result.seconds, result.took, result.overshot) == (3.46, None, True)
    late = Unscored(status="over-limit", detail="late", seconds=3.456)
    assert failed_result(late, SLOT, "A").took == 3.46


def test_a_pruned_run_says_no_more_than_its_curve() -> None:
    stopped = Stopped(seconds=4.0, peak_memory_bytes=2**20)
    result = pruned_result(Pruned("hopeless", stopped, ((0.123456, 2.12345678),)), SLOT, "A")
    assert (result.status, result.detail, result.seconds) == ("pruned", "hopeless", 4.0)
    assert (result.curve, result.peak_memory_mb) == (((0.1235, 2.123457),), 1.0)
    assert result.machine == SLOT.machine


def test_a_check_keeps_the_end_of_what_it_printed() -> None:
    assert check_record("pytest", Passed(seconds=1.234)).passed
    record = check_record("pytest", Failed(reason="2 failed", tail="x" * 3000 + "!", seconds=1.0))
    assert (record.passed, record.reason, record.tail[-1]) == (False, "2 failed", "!")
    assert len(record.tail) == MAX_TAIL_CHARACTERS


# ---------------------------------------------------------------- what makes a score invalid


def test_a_score_off_the_scale_is_invalid() -> None:
    assert on_scale(scored(), Sense(scale="log")).status == "scored"
    off = on_scale(scored(score(value=-1.0)), Sense(scale="log"))
    assert (off.status, off.scores) == ("invalid", ())
    assert "-1 is not on the scale log" in off.detail


def test_a_score_without_a_guarded_metric_has_crashed() -> None:
    both = scored(score(also={"ms": 1.0}))
    assert with_guarded(both, ["ms"]) == both
    assert with_guarded(both, ["mb"]).status == "crash"
    lacking = with_guarded(both, ["ms", "mb"])
    assert (lacking.status, lacking.scores) == ("crash", ())
    assert "a guard needs mb" in lacking.detail


def test_a_score_in_another_unit_than_the_first_is_invalid() -> None:
    def trial(number: int, *scores: Score) -> Trial:
        by = Provenance(method="m", origin="search")
        result = scored(*scores) if scores else None
        return Trial(
            number=number,
            status="discard" if scores else "refused",
            proposal=Proposal(hypothesis="h", by=by),
            reason="r",
            result=result,
        )

    trials = [trial(0), trial(1, score(unit="%"))]
    same = scored(score(unit="%"))
    other = scored(score(unit="", line="acc: 0.5"))
    assert in_units(same, first_score(trials, None), ()) == same
    assert in_units(other, first_score([], None), ()) == other
    crash = trials[0].model_copy(update={"result": Result(status="crash", detail="why")})
    assert in_units(same, first_score([crash, *trials], None), ()) == same
    found = in_units(other, first_score(trials, None), ())
    assert (found.status, found.scores) == ("invalid", ())
    assert found.detail == "it printed acc: 0.5: in no unit, where this run's scores are in %"


def test_what_crashes_loses_its_scores() -> None:
    assert crashed(None, "why") == Result(status="crash", detail="why")
    result = crashed(scored(seconds=3.0), "why")
    assert (result.status, result.scores, result.detail, result.seconds) == ("crash", (), "why", 3)


# ---------------------------------------------------------------- several runs


def test_runs_add_up_and_the_first_ones_curve_stays() -> None:
    first = scored(curve=((1.0, 2.0),), facts={"a": 1}, peak_memory_mb=5.0, score_seconds=1.0)
    second = scored(score(1), curve=((1.0, 9.0),), peak_memory_mb=4.0, score_seconds=2.0)
    result = add_run(add_run(None, first, order(seed=0)), second, order())
    assert [each.seed for each in result.scores] == [0, 1]
    assert (result.seconds, result.score_seconds, result.peak_memory_mb) == (4.0, 3.0, 5.0)
    assert (result.curve, result.facts) == (((1.0, 2.0),), {"a": 1})
    incumbent = scored(score(1, "incumbent"), peak_memory_mb=99.0)
    beside = add_run(result, incumbent, order("incumbent"))
    assert beside.peak_memory_mb == 5.0, "the incumbent's memory is not the attempt's"
    assert len(beside.own) == 2


def test_a_failed_rerun_fails_the_attempt_and_one_of_another_code_is_noted() -> None:
    before = scored(score(), score(0, "incumbent"))
    own = add_run(before, failed("crash"), order())
    assert (own.status, own.scores) == ("crash", ())
    assert own.detail == "it failed when it was run again under seed 1: boom"
    fresh = add_run(before, failed("crash"), order("fresh"))
    assert fresh.status == "crash"
    late = add_run(before, failed("over-limit", took=9.0), order())
    assert (late.status, late.took) == ("over-limit", 9.0)
    assert [each.role for each in late.scores] == ["incumbent"], "which shows how slow it was"
    others: dict[Role, str] = {
        "incumbent": "the incumbent failed",
        "reference": "the first baseline failed",
        "neutral": "it failed with every searched float moved",
    }
    for role, words in others.items():
        result = add_run(before, failed("crash"), order(role))
        assert (result.status, result.scores) == ("scored", before.scores)
        assert result.detail.startswith(words)
    assert add_run(result, scored(score(2)), order(seed=2)).detail == ""


def test_what_failed_before_stays_failed_and_costs_time() -> None:
    before = failed("crash")
    result = add_run(before, scored(), order("incumbent"))
    assert (result.status, result.seconds, result.detail) == ("crash", 3.0, "boom")


def test_the_first_own_run_comes_behind_those_of_the_baseline() -> None:
    before = scored(score(0, "baseline"))
    result = add_run(before, scored(score(), curve=((1.0, 2.0),)), order(seed=0))
    assert [each.role for each in result.scores] == ["baseline", "candidate"]
    assert (result.curve, result.seconds) == (((1.0, 2.0),), 4.0)
    crash = add_run(before, failed("crash"), order(seed=0))
    assert (crash.status, crash.scores, crash.seconds) == ("crash", (), 3.0)
    late = add_run(before, failed("over-limit", took=9.0), order(seed=0))
    assert [each.role for each in late.scores] == ["baseline"]


@pytest.mark.parametrize(
    ("run", "recheck", "status"),
    [
        (scored(score(1)), "passed", "scored"),
        (failed("invalid"), "failed", "scored"),
        (failed("invalid", overshot=True), None, "invalid"),
        (failed("crash"), None, "crash"),
    ],
)
def test_the_full_audit_passes_or_fails_a_score_once(
    run: Result, recheck: str | None, status: str
) -> None:
    before = scored()
    result = add_run(before, run, order(audit="full"))
    assert (result.recheck, result.status) == (recheck, status)
    if recheck == "failed":
        assert (result.scores, result.detail) == (before.scores, "boom")
        assert result.recheck_seed == order().seed, "an approved repetition has another"
    done = before.model_copy(update={"recheck": "passed"})
    assert add_run(done, failed("invalid"), order(audit="full")).status == "invalid"
    assert add_run(before, scored(score(1)), order()).recheck is None
    beside = add_run(before, scored(score(1, "incumbent")), order("incumbent", audit="full"))
    assert beside.recheck is None


def test_a_run_over_its_limit_is_held_beside_the_incumbent() -> None:
    late = failed("over-limit", took=9.0)
    beside = add_run(late, scored(score(1, "incumbent")), order("incumbent"))
    assert (beside.status, beside.took, beside.seconds) == ("over-limit", 9.0, 3.0)
    assert [each.role for each in beside.scores] == ["incumbent"]
    hangs = add_run(late, failed("timeout"), order("incumbent"))
    assert (hangs.status, hangs.recheck, hangs.scores) == ("over-limit", "failed", ())
