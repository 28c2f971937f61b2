"""What a trial of another run tells: its constants, its curve, and how it ended."""

from typing import Any

import pytest

from agent.history.prior import as_prior
from agent.records.guards import Guard, GuardResult
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial

CURVE = ((0.5, 2.0), (1.0, 1.5))
SCORE = Score(value=0.9, seed=0, kind="sealed", machine="m")
SCORED = Result(status="scored", scores=(SCORE,), curve=CURVE)


def trial(status: str, result: Result | None = SCORED, **more: Any) -> Trial:
    by = Provenance(method="random", origin="search")
    return Trial(
        number=3,
        status=status,  # type: ignore[arg-type]
        proposal=Proposal(hypothesis="h", by=by),
        reason="r",
        result=result,
        configuration={"LR": 0.1},
        **more,
    )


def test_a_score_is_handed_on_with_its_constants_and_its_curve() -> None:
    for status in ("baseline", "keep", "discard"):
        prior = as_prior(trial(status))
        assert prior is not None
        assert (prior.number, prior.outcome, prior.curve) == (3, 0.9, CURVE)
        assert prior.configuration == {"LR": 0.1}


@pytest.mark.parametrize("status", ["crash", "oom", "timeout"])
def test_a_failure_is_handed_on_as_what_it_was(status: str) -> None:
    prior = as_prior(trial(status, Result(status=status, detail="d")))  # type: ignore[arg-type]
    assert prior is not None and (prior.outcome, prior.curve) == (status, ())


def test_what_a_guard_held_back_is_not_to_be_sought_again() -> None:
    guard = GuardResult(
        guard=Guard.model_validate("ms <= 3"), finding="undecided", value=3, excess=0, runs=1
    )
    for held in (trial("guarded"), trial("discard", guards=(guard,))):
        prior = as_prior(held)
        assert prior is not None and prior.outcome == "invalid"


@pytest.mark.parametrize("status", ["suspect", "refused"])
def test_what_has_no_outcome_is_left_out(status: str) -> None:
    assert as_prior(trial(status, SCORED if status == "suspect" else None)) is None
