"""Records: what is coming has its place, and nonsense is refused at construction."""

import pytest
from pydantic import ValidationError

from agent.edit.files import apply_edits
from agent.records.edits import Refused, SetConstant
from agent.records.objective import Direction, Objective, Scale, Sense
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Claim, Result, Score, Trial
from agent.records.sources import Sources

SCORED = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="sealed"),))
PROPOSAL = Proposal(hypothesis="h", by=Provenance(method="m", origin="llm"))


def test_an_edit_without_a_file_says_nothing_of_one() -> None:
    edit = SetConstant(name="LR", value="0.2")
    assert edit.model_dump() == {"kind": "set_constant", "name": "LR", "value": "0.2"}


def test_an_edit_of_another_file_is_refused_where_only_one_is_edited() -> None:
    edit = SetConstant(name="lr", value="0.2", file="conf/base.yaml")
    refused = apply_edits(Sources.of("LR = 0.1\n"), [edit])
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.where) == ("outside-file", "conf/base.yaml does not exist")


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("guarded", None),
        ("suspect", None),
        ("over-limit", SCORED),
        ("refused", SCORED),
        ("keep", Result(status="crash")),
        ("held", Result(status="crash")),
    ],
)
def test_a_result_that_does_not_fit_the_status_is_refused(
    status: str, result: Result | None
) -> None:
    fields = {"number": 1, "status": status, "proposal": PROPOSAL, "reason": "r"}
    with pytest.raises(ValidationError, match=f"a {status} trial cannot have"):
        Trial(**fields, result=result)


@pytest.mark.parametrize("status", ["suspect", "held", "skipped"])
def test_a_score_that_is_not_believed_is_no_value(status: str) -> None:
    fields = {"number": 1, "status": status, "proposal": PROPOSAL, "reason": "r"}
    assert Trial(**fields, result=SCORED, estimate=0.5).value is None


@pytest.mark.parametrize("change", [{"version": 3}, {"direction": "sideways"}, {"horizon": 1}])
def test_an_objective_refuses_what_it_does_not_know(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Objective.model_validate({"metric": "val_acc", **change})


@pytest.mark.parametrize(
    ("scale", "delta", "text"),
    [
        ("linear", -0.0123456789, "-0.012346"),
        ("linear", -3.21e-9, "-3.21e-09"),
        ("linear", 1.5e12, "+1.5e+12"),
        ("log", -0.1, "-9.52%"),
        ("log", 1e-7, "+1e-05%"),
        ("log", 50.0, "+5.18e+23%"),
        ("logit", 2e-8, "+2e-08 logit"),
    ],
)
def test_a_change_of_any_size_is_seen(scale: Scale, delta: float, text: str) -> None:
    assert Sense(scale=scale).change_text(delta) == text
    few = Sense(scale=scale).change_text(delta, 4)
    assert any(digit in few.partition("e")[0] for digit in "123456789")


def test_a_claim_of_a_small_score_shows_it() -> None:
    assert str(Claim(commit="c", verdict="keep", score=3e-9)) == "keep 3e-09, self-reported"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_no_difference_has_no_sign_of_its_own(direction: Direction) -> None:
    assert Sense(direction=direction).change_text(0.0) == "+0.000000"
