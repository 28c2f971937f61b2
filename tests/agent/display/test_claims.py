"""A claim that the measurements contradict is marked; a number that is only rounded is not."""

import pytest

from agent.display.claims import contradictions, flops_per_token
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial


def trial(claim: str, parameters: int = 1000, speed: float = 10.0, **facts: object) -> Trial:
    """Return a trial with this claim, of which these facts were measured."""
    scores = (Score(value=1.0, seed=0, kind="sealed", speed=speed),)
    result = Result(
        status="scored", scores=scores, parameters=parameters, peak_memory_mb=100.0, facts=facts
    )
    proposal = Proposal(hypothesis=claim, by=Provenance(method="code", origin="llm"))
    configuration = {"HEAD_DIM": 64, "TOTAL_BATCH_SIZE": 262144}
    return Trial(
        number=1,
        status="keep",
        proposal=proposal,
        reason="r",
        result=result,
        configuration=configuration,
    )


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        ("depth 9 aspect_ratio 57 (extra layer, dim ~512)", "model_dim 512, but what ran had 640"),
        ("HEAD_DIM 128 → 32", "head_dim 32, but what ran had 64"),
        ("total batch size 524K to 131K", "total_batch_size 131000"),
    ],
)
def test_a_number_that_did_not_run_is_marked(claim: str, line: str) -> None:
    [contradiction] = contradictions(trial(claim, depth=9, model_dim=640), None)
    assert line in contradiction


@pytest.mark.parametrize(
    "claim", ["depth 9", "HEAD_DIM 128 to 64", "batch 524K to 262K", "total batch size 262K"]
)
def test_what_ran_as_claimed_is_not(claim: str) -> None:
    assert contradictions(trial(claim, depth=9, model_dim=640), None) == ()


def test_directions_are_held_against_the_incumbent() -> None:
    before = trial("as it is", parameters=1000, speed=10.0)
    larger = trial("a smaller model learns faster", parameters=1500, speed=12.0)
    assert contradictions(larger, before) == (
        "it says less parameters, but it went from 1000 to 1500",
    )
    assert contradictions(trial("fewer parameters", parameters=500), before) == ()
    slower = trial("more steps in the budget", speed=5.0)
    assert contradictions(slower, before) == ("it says more speed, but it went from 10 to 5",)


def test_flops_are_six_times_the_parameters() -> None:
    assert flops_per_token(trial("x", parameters=1000)) == 6000
