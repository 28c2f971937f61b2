"""Records: what is coming has its place, and nonsense is refused at construction."""

import pytest
from pydantic import ValidationError

from agent.edit.files import apply_edits
from agent.records.edits import Refused, SetConstant
from agent.records.guards import Finding, Guard, GuardResult
from agent.records.objective import Direction, Objective, Scale, Sense
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Claim, Result, Score, Touched, Trial
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


def test_only_a_renamed_file_has_a_new_path() -> None:
    assert str(Touched(file="a.py", how="renamed", to="b.py")) == "a.py renamed to b.py"
    for fields in ({"how": "renamed"}, {"how": "changed", "to": "b.py"}):
        with pytest.raises(ValidationError, match="with the new path"):
            Touched.model_validate({"file": "a.py", **fields})


@pytest.mark.parametrize("verdict", ["crash", None])
def test_a_claim_without_a_result_has_no_score(verdict: str | None) -> None:
    with pytest.raises(ValidationError, match="a score with the verdict"):
        Claim.model_validate({"commit": "c", "verdict": verdict, "score": 1.0})


def test_only_a_trial_from_elsewhere_has_a_claim() -> None:
    fields = {"number": 1, "proposal": PROPOSAL, "reason": "r"}
    claim = Claim(commit="c")
    assert Trial(status="adopted", claim=claim, **fields).claim == claim
    for status, given in (("adopted", None), ("refused", claim)):
        with pytest.raises(ValidationError, match="with the claim"):
            Trial.model_validate({"status": status, "claim": given, **fields})


def test_a_run_over_its_limit_has_scores_of_others_only() -> None:
    own = Score(value=1.0, seed=0, kind="sealed")
    incumbents = own.model_copy(update={"role": "incumbent"})
    assert Result(status="over-limit", scores=(incumbents,)).value is None
    with pytest.raises(ValidationError, match="a over-limit result has 1 scores"):
        Result(status="over-limit", scores=(own,))
    with pytest.raises(ValidationError, match="a crash result has 1 scores"):
        Result(status="crash", scores=(own,))


@pytest.mark.parametrize(
    ("status", "result"), [("held", None), ("skipped", None), ("skipped", Result(status="pruned"))]
)
def test_what_was_held_or_skipped_may_have_no_score(status: str, result: Result | None) -> None:
    fields = {"number": 1, "status": status, "proposal": PROPOSAL, "reason": "r"}
    assert Trial(**fields, result=result).value is None


def test_the_machines_of_a_result_have_names() -> None:
    scores = tuple(Score(value=1.0, seed=n, kind="sealed", machine=m) for n, m in enumerate("a"))
    assert Result(status="scored", scores=scores).places == {"a"}
    assert SCORED.places == frozenset()


def test_a_change_in_percent_is_a_difference_of_losses() -> None:
    assert Sense(scale="log").delta_of(-100.0) is None
    assert Sense(scale="log").delta_of(0.0) == 0.0
    assert Sense(direction="maximize").delta_of(0.5) == -0.5


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_an_interval_is_written_from_its_lower_end(direction: Direction) -> None:
    text = Sense(direction=direction).interval_text((-0.02, -0.01))
    low, high = (
        ("-0.020000", "-0.010000") if direction == "minimize" else ("+0.010000", "+0.020000")
    )
    assert text == f"from {low} to {high}"


@pytest.mark.parametrize(
    ("scale", "value", "has"),
    [("linear", -1.0, True), ("log", 0.0, False), ("logit", 0.0, False), ("logit", 1.0, False)],
)
def test_a_scale_without_a_value(scale: Scale, value: float, has: bool) -> None:
    assert Sense(scale=scale).has(value) is has


def test_further_metrics_are_named_once_and_without_the_main_one() -> None:
    objective = Objective.model_validate(
        {"metric": "loss", "also": ["acc", "loss", "ms"], "guards": ["ms <= 3", "acc >= 0.5"]}
    )
    assert objective.further == ("ms", "acc")
    with pytest.raises(ValidationError, match="stands there twice"):
        Objective.model_validate({"metric": "loss", "guards": ["ms <= 3", "ms <= 3"]})


@pytest.mark.parametrize("folder", ["..", "a/../..", "/tmp", "a\0"])
def test_a_folder_outside_the_repository_is_refused(folder: str) -> None:
    with pytest.raises(ValidationError, match="not a folder inside"):
        Objective.model_validate({"metric": "loss", "folder": folder})


def test_a_guard_keeps_every_digit_and_allows_a_share_of_any_sign() -> None:
    assert str(Guard.model_validate("loss <= 0.12345678")) == "loss <= 0.12345678"
    share = Guard.model_validate("loss <= baseline + 2%")
    assert share.allowed(-10.0) == share.allowed(10.0) == pytest.approx(0.2)
    least = Guard.model_validate("acc >= 0.5")
    assert least.loss(0.4) > least.loss(0.6)


@pytest.mark.parametrize(
    ("excess", "low", "high", "finding", "words"),
    [
        (0.0, None, None, "inside", "ms 30 over 2 runs, 0 inside"),
        (2.0, 2.0, 2.0, "outside", "ms 30 over 2 runs, 2 beyond"),
        (2.0, 1.5, 2.5, "outside", "ms 30 over 2 runs, 2 beyond (at least 1.5)"),
        (-2.0, -4.0, -1.0, "inside", "ms 30 over 2 runs, 2 inside (at worst 1 inside)"),
        (-2.0, -4.0, 1.0, "undecided", "ms 30 over 2 runs, 2 inside (at worst 1 beyond)"),
    ],
)
def test_a_guards_result_in_words(
    excess: float, low: float | None, high: float | None, finding: Finding, words: str
) -> None:
    result = GuardResult(
        guard=Guard.model_validate("ms <= 30"),
        finding=finding,
        value=30.0,
        excess=excess,
        low=low,
        high=high,
        runs=2,
    )
    assert result.words == words


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("ms < 30", "write `ms <= 30`"),
        ("acc > 0.5", "write `acc >= 0.5`"),
        ("loss <= baseline + -1", "is no margin"),
        ("loss <= baseline - 1", "write `<= baseline + 1`"),
        ("loss <= nan", "Unknown word"),
        ("loss <= 0,35", "is no limit"),
        ("a\x1b[31m <= 3", "one line of plain text"),
    ],
)
def test_a_guard_that_is_not_understood_says_what_to_write(written: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Guard.model_validate(written)
    assert reason in str(caught.value)


def test_no_margin_has_any_sign() -> None:
    assert str(Guard.model_validate("loss <= baseline - 0")) == "loss <= baseline"
