"""What the code method does after a failure, and where money ends."""

from dataclasses import replace
from typing import Any

import pytest

from agent.errors import MoneySpent
from agent.llm.model import Request
from agent.propose.code.code import Code, request_of
from agent.propose.code.mending import MEND_WITHIN, to_mend
from agent.propose.context import Unfinished
from agent.propose.questions import SHORT_OUTPUT_TOKENS
from agent.records.guards import Check
from agent.records.proposals import Proposal
from agent.records.results import Result, Score, Trial
from tests.agent.propose.code.drafts import BASELINE, DEEPER, Asked, constant, draft, judging
from tests.agent.propose.example import context, trial


def failed(number: int, status: str = "crash", **by: Any) -> Trial:
    made = trial(number, status, "gate it", DEPTH=12)
    assert made.result
    proposal = made.proposal.model_copy(update={"by": made.proposal.by.model_copy(update=by)})
    tail = 'File "train.py", line 9\nRuntimeError: shapes [4] and [5]\n```'
    return made.model_copy(
        update={"proposal": proposal, "result": made.result.model_copy(update={"tail": tail})}
    )


def test_a_crash_goes_back_once_with_its_edits_and_the_end_of_its_log() -> None:
    crashed = judging(BASELINE, failed(1))
    model = Asked(
        draft(constant("DEPTH", "12")), draft(constant("DEPTH", "10"), hypothesis="corrected")
    )  # the first one failed
    proposal = Code(model).propose(crashed)
    assert isinstance(proposal, Proposal) and proposal.by.repairs == 1
    question = model.requests[0].blocks[-1]
    assert (
        "trial #1 failed (crash)" in question
        and '"value": "12"' in question
        and "shapes [4] and [5]" in question
    )
    again = judging(BASELINE, failed(1), pending=(proposal,))
    assert to_mend(again) is None, "while it is pending nobody asks again"
    assert to_mend(judging(BASELINE, failed(1), failed(2, repairs=1))) is None, (
        "a correction that fails is left alone"
    )


def test_a_proposal_corrects_a_failure_only_where_it_touches_the_same_place() -> None:
    crashed = judging(BASELINE, failed(1))
    other = Code(Asked(draft(constant("MATRIX_LR", "0.2"), hypothesis="another idea"))).propose(
        crashed
    )
    assert isinstance(other, Proposal)
    assert (other.by.mend_asked, other.by.repairs) == (1, None)
    assert to_mend(judging(BASELINE, failed(1), pending=(other,))) is None, "it was asked for once"


def test_a_failed_check_goes_back_with_what_it_printed() -> None:
    made = failed(1)
    check = Check(command="pytest -q", passed=False, reason="1 failed", tail="E  assert 3 == 4")
    score = Score(value=0.9, seed=0, kind="self-reported")
    result = Result(status="scored", scores=(score,), checks=(check,))
    broken = made.model_copy(update={"status": "guarded", "result": result})
    question = request_of(judging(BASELINE, broken)).blocks[-1]
    assert "trial #1 failed (guarded)" in question
    assert "E  assert 3 == 4" in question
    too_slow = broken.model_copy(update={"result": result.model_copy(update={"checks": ()})})
    assert to_mend(judging(BASELINE, too_slow)) is None, "a broken limit is no mistake"


def test_what_is_old_too_large_or_another_methods_is_not_corrected() -> None:
    rest = [trial(n, 1.1, DEPTH=n + 5) for n in range(2, 2 + MEND_WITHIN)]
    assert to_mend(context(BASELINE, failed(1), *rest)) is None
    assert to_mend(context(BASELINE, failed(1, "oom"))) is None
    assert to_mend(context(BASELINE, failed(1, method="tpe"))) is None


def test_a_question_beyond_the_bound_on_dollars_is_not_asked() -> None:
    model = Asked(draft(constant("NOPE", "1")), draft(DEEPER))
    assert Code(model).propose(replace(judging(BASELINE), dollars=1.0)).by.cost == 1.0
    model = Asked(draft(constant("NOPE", "1")), draft(DEEPER))
    with pytest.raises(Unfinished, match=r"may cost \$0.50, and \$0.40") as caught:
        Code(model).propose(replace(judging(BASELINE), dollars=0.9))
    assert len(model.requests) == 1
    assert isinstance(caught.value.fault, MoneySpent)
    by = caught.value.by
    assert (by.cost, by.calls, by.called_off) == (0.5, 1, False), "the answer before it is paid for"


def test_with_little_money_left_the_answer_must_be_short() -> None:
    class Priced(Asked):
        def estimate(self, request: Request) -> float | None:
            return request.max_output_tokens / 10_000

    model = Priced(draft(DEEPER))
    assert isinstance(Code(model).propose(replace(judging(BASELINE), dollars=0.5)), Proposal)
    assert model.requests[0].max_output_tokens == SHORT_OUTPUT_TOKENS
    with pytest.raises(MoneySpent, match=r"may cost \$0.40, and \$0.39"):
        Code(Priced(draft(DEEPER))).propose(replace(judging(BASELINE), dollars=0.39))
