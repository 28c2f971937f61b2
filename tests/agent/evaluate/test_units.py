"""Numbers of one run are in one unit each: 0.9 and 90 %, 900 ms and 1.2 s do not mix."""

import pytest

from agent.evaluate.results import Units, first_score, in_units
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial

PROPOSAL = Proposal(hypothesis="h", by=Provenance(method="m", origin="llm"))


def result(unit: str = "", value: float = 0.9, **further: tuple[float, str]) -> Result:
    score = Score(
        value=value,
        seed=0,
        kind="self-reported",
        line=f"acc: {value}{unit}",
        unit=unit,
        also={name: number for name, (number, _) in further.items()},
        also_units={name: text for name, (_, text) in further.items()},
    )
    return Result(status="scored", scores=(score,))


def baseline(measured: Result) -> Trial:
    return Trial(number=0, status="baseline", proposal=PROPOSAL, reason="r", result=measured)


@pytest.mark.parametrize(("usual", "unit"), [("", "%"), ("%", ""), ("ms", "s")])
def test_a_score_in_another_unit_is_invalid(usual: str, unit: str) -> None:
    first = first_score([baseline(result(usual))], None)
    assert in_units(result(usual), first, ()) == result(usual)
    mixed = in_units(result(unit, 90.0), first, ())
    assert (mixed.status, mixed.scores) == ("invalid", ())
    assert f"acc: 90.0{unit}: in {unit or 'no unit'}" in mixed.detail
    assert mixed.detail.endswith(f"in {usual or 'no unit'}")


def test_the_runs_of_the_first_baseline_do_not_mix_either() -> None:
    assert first_score([], None) is None
    assert in_units(result("s"), None, ()) == result("s")
    first = first_score([], result("ms"))
    assert in_units(result("s"), first, ()).status == "invalid"


def test_the_metric_of_a_guard_keeps_its_unit_and_others_are_left_out() -> None:
    first = first_score([], result(latency=(900.0, "ms"), size=(3.0, "M")))
    other = result(latency=(1.2, "s"), size=(3.1, "M"))
    broken = in_units(other, first, ("latency",))
    assert broken.status == "invalid"
    assert broken.detail.startswith("it printed latency: in s, where this run's scores are in ms")
    [score] = in_units(other, first, ()).scores
    assert score.also == {"size": 3.1}


def test_runs_that_are_compared_are_held_to_the_first_with_a_score() -> None:
    units = Units(("latency",))
    failed = Result(status="crash", detail="d")
    assert units.held(failed) == failed
    assert units.held(result("%")).status == "scored"
    assert units.held(result("")).status == "invalid"
    assert units.held(result("%")).status == "scored"


def test_a_unit_that_an_older_version_did_not_know_is_in_the_line_that_it_read() -> None:
    old = result().scores[0].model_copy(update={"line": "time: 0.9 milliseconds (best 0.8)"})
    assert in_units(result("milliseconds"), old, ()).status == "scored"
    assert in_units(result("minutes"), old, ()).status == "invalid"
    assert in_units(result("%"), old, ()).status == "invalid"


def test_a_unit_that_an_older_record_does_not_say_is_no_other_one() -> None:
    old = result(latency=(900.0, "ms")).scores[0].model_copy(update={"also_units": {}})
    assert in_units(result(latency=(1.2, "s")), old, ("latency",)).status == "scored"
