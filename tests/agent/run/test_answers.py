"""What is answered to each input, as the run stands: no loop, and nothing trains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.evaluate.bench import Assignment
from agent.evaluate.machine import machine_name
from agent.evaluate.slots import Slot
from agent.records.edits import SetConstant
from agent.records.inputs import (
    Admitted,
    Approve,
    Ask,
    Brief,
    Comment,
    Go,
    Hold,
    Pause,
    Reject,
    Release,
    Remember,
    Set,
    Skip,
    Star,
    Tell,
    Try,
    Withdraw,
)
from agent.records.results import Attempt, Order, Result, Score, Trial
from agent.records.target import TargetResult
from agent.run.awaiting import awaiting
from agent.run.inbox import new_input
from agent.run.input_answers import Answer, answer_to, measured_count
from agent.run.ledger import Ledger, Settled
from agent.space import read_space
from tests.agent.study import proposal, study

MEASURED = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="self-reported"),))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with study(tmp_path) as history:
        yield Ledger(history, read_space)


def answered(ledger: Ledger, ask: Ask) -> Answer:
    """Answer an input, and record it with that."""
    asked = new_input(ask, "ada")
    answer = answer_to(asked, ledger)
    ledger.history.admit(
        Admitted(input=asked, at=asked.sent, accepted=answer.accepted, why=answer.why)
    )
    return answer


def judged(ledger: Ledger, status: str, rate: float, **fields: object) -> Trial:
    """Commit an attempt with this LR, and a verdict on it."""
    history = ledger.history
    text = history.sources.text.replace("LR = 0.1", f"LR = {rate}")
    sources = history.sources.with_text(text)
    attempt = history.commit_attempt(history.next_number, proposal(LR=rate), sources)
    update = {"proposal": attempt.proposal, "reason": "r", "result": MEASURED, **fields}
    return history.commit_verdict(
        attempt, Trial.model_validate({"number": attempt.number, "status": status, **update})
    )


def rate(value: float) -> Try:
    return Try(hypothesis="mine", edits=(SetConstant(name="LR", value=repr(value)),))


def accepted(ledger: Ledger, *asks: Ask) -> list[bool]:
    return [answered(ledger, ask).accepted for ask in asks]


def test_a_remark_is_withdrawn_once_and_only_if_it_was_made(ledger: Ledger) -> None:
    assert accepted(ledger, Withdraw(number=1), Tell(text="one"), Tell(text="two")) == [
        False,
        True,
        True,
    ]
    asks = (Withdraw(number=0), Withdraw(number=3), Withdraw(number=2), Withdraw(number=2))
    assert accepted(ledger, *asks) == [False, False, True, False]
    assert [remark.tell.text for remark in ledger.steering.remarks] == ["one"]


def test_a_remark_is_refused_while_too_many_hold(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.input_answers.MAX_REMARKS", 2)
    tells = [Tell(text=text) for text in ("one", "two", "three")]
    assert accepted(ledger, *tells) == [True, True, False]
    assert accepted(ledger, Withdraw(number=1)) == [True]
    answer = answered(ledger, Tell(text="four"))
    assert answer.accepted
    assert answer.why.startswith("remark 3; "), "what was refused has no number"
    assert "asks no model, so nobody reads it" in answer.why


def test_edits_of_people_wait_in_a_bounded_line(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.input_answers.MAX_TRIES", 2)
    assert accepted(ledger, rate(0.2), rate(0.20), rate(0.3), rate(0.4)) == [
        True,
        False,
        True,
        False,
    ]
    first, second = ledger.human_proposals
    assert [each.edits for each in (first, second)] == [rate(0.2).edits, rate(0.3).edits]
    assert first.by.origin == "human" and first.rationale == "given by ada"
    assert isinstance(ledger.begin(first), Attempt)
    assert ledger.human_proposals == (second,), "what is begun waits no more"
    assert answered(ledger, rate(0.4)) == Answer(True, "the next trial")
    answered(ledger, Pause())
    ledger.begin(second)
    assert "after `autoresearch go`" in answered(ledger, rate(0.5)).why


def test_pause_and_hold_are_refused_while_they_are_on(ledger: Ledger) -> None:
    assert accepted(ledger, Go(), Pause(), Pause(), Go(), Go()) == [False, True, False, True, False]
    assert accepted(ledger, Release(), Hold(), Hold(), Release(), Release()) == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_a_brief_that_cannot_be_read_or_is_the_old_one_is_refused(ledger: Ledger) -> None:
    old = ledger.history.program
    assert "that the run has" in answered(ledger, Brief(text=old)).why
    assert "nope" in answered(ledger, Brief(text="---\nnope: 1\n---\n")).why
    assert answered(ledger, Brief(text="# New\n")).accepted
    assert ledger.history.program == "# New\n"
    ledger.history.project = ledger.history.project.model_copy(update={"program": None})
    assert answered(ledger, Brief(text="# Newer\n")).why == "this project has no program.md"


def test_only_what_is_in_flight_is_skipped_and_no_baseline(ledger: Ledger) -> None:
    ledger.begin_baseline()
    attempt = ledger.begin(proposal(LR=0.2))
    assert isinstance(attempt, Attempt)
    assert "the baseline" in answered(ledger, Skip(number=0)).why
    assert answered(ledger, Skip(number=7)).why == "there is no #7"
    assert answered(ledger, Skip(number=attempt.number)).accepted
    ledger.history.note(attempt, MEASURED)
    settled = ledger.skip(attempt)
    assert (settled.trial.status, settled.trial.reason) == ("skipped", "skipped by ada")
    assert settled.trial.result is None, "what it had measured is no part of the record"
    assert settled.trial.configuration["LR"] == 0.2
    assert "its verdict: skipped" in answered(ledger, Skip(number=attempt.number)).why
    assert ledger.steering.skipped == {attempt.number}


def test_bounds_say_when_they_are_used_up(ledger: Ledger) -> None:
    judged(ledger, "baseline", 0.1)
    judged(ledger, "keep", 0.2)
    judged(ledger, "refused", 0.3, result=None)
    assert measured_count(ledger) == 1
    assert answered(ledger, Set(trials=2)) == Answer(True)
    assert "1 trials are measured, so it ends" in answered(ledger, Set(trials=1)).why
    assert not answered(ledger, Set(workers=4096)).accepted
    assert "1 at once" in answered(ledger, Set(workers=1)).why


def test_stars_and_comments_need_an_existing_trial(ledger: Ledger) -> None:
    judged(ledger, "baseline", 0.1)
    ledger.begin(proposal(LR=0.2))
    asks = (Star(number=0), Star(number=1), Star(number=2), Comment(text="of the run"))
    assert accepted(ledger, *asks) == [True, True, False, True]
    assert answered(ledger, Remember(text="warmup helps")).why == "note 1"
    assert not answered(ledger, Remember(text="", drop=(9,))).accepted
    assert answered(ledger, Remember(text="", drop=(1,))) == Answer(True)


def test_an_approval_is_refused_where_the_tip_has_its_edits_by_now(ledger: Ledger) -> None:
    judged(ledger, "baseline", 0.1)
    late = judged(ledger, "suspect", 0.2).number
    judged(ledger, "keep", 0.2)
    answer = answered(ledger, Approve(number=late))
    assert not answer.accepted
    assert answer.why.startswith("its edits no longer fit the newest state: no-op")


@pytest.mark.parametrize("status", ["suspect", "held"])
def test_a_suspect_is_approved_or_rejected_once(ledger: Ledger, status: str) -> None:
    judged(ledger, "baseline", 0.1)
    approved = judged(ledger, status, 0.2).number
    rejected = judged(ledger, status, 0.3).number
    assert awaiting(ledger.history, approved).number == approved
    assert "neither suspect nor held" in answered(ledger, Approve(number=0)).why
    assert "has no verdict" in answered(ledger, Reject(number=9)).why
    assert accepted(ledger, Reject(number=rejected), Reject(number=rejected)) == [True, False]
    assert "already rejected" in answered(ledger, Approve(number=rejected)).why
    assert answered(ledger, Approve(number=approved)).accepted
    assert ledger.approved == {approved}
    assert "is approved already" in answered(ledger, Reject(number=approved)).why
    [again] = ledger.human_proposals
    assert (again.by.replays, again.by.method) == (approved, "approve")
    attempt = ledger.begin(again)
    assert isinstance(attempt, Attempt)
    with pytest.raises(UsageFault, match=f"already approved; #{attempt.number} repeats it"):
        awaiting(ledger.history, approved)
    assert ledger.approved == frozenset()
    ledger.skip(attempt)
    with pytest.raises(UsageFault, match="with the verdict skipped"):
        awaiting(ledger.history, approved)


def test_a_run_is_over_when_its_incumbent_has_proved_the_target(ledger: Ledger) -> None:
    def proof(reached: bool) -> TargetResult:
        return TargetResult(target=1.0, reached=reached, value=0.9, bound=0.95, runs=3)

    assert ledger.goal_reached is None
    judged(ledger, "baseline", 0.1, target=proof(False))
    assert ledger.goal_reached is None
    judged(ledger, "keep", 0.2, target=proof(True))
    assert str(ledger.goal_reached).endswith(", by #1")
    judged(ledger, "discard", 0.3)
    assert ledger.goal_reached, "what was discarded is no incumbent"
    judged(ledger, "keep", 0.4)
    assert ledger.goal_reached is None, "nor is what the newest keep has not proved"
    judged(ledger, "keep", 0.5, target=proof(True))
    assert ledger.goal_reached
    history = ledger.history
    history.change_data(history.draft_prepare("OTHER = 1\n"), "b" * 64, "why")
    assert ledger.goal_reached is None, "a proof on other data is none"


def test_losses_of_places_are_on_record_with_the_verdict(ledger: Ledger) -> None:
    history = ledger.history
    judged(ledger, "baseline", 0.1)
    attempt = ledger.begin(proposal(LR=0.2))
    assert isinstance(attempt, Attempt)
    order = ledger.next(attempt, machine_name())
    assert isinstance(order, Order)

    def lost(commit: str) -> bool:
        run = Assignment(attempt, order.model_copy(update={"commit": commit}), slot, 1, None)
        return ledger.lose(run, "the node died")

    slot = Slot(number=0, cpus=(0,), machine="m", place="node-b")
    assert [lost(history.trials[0].attempt) for _ in range(4)] == [False] * 4, "of the incumbent"
    assert [lost(attempt.commit) for _ in range(3)] == [False, False, True]
    settled = ledger.next(attempt, machine_name())
    assert isinstance(settled, Settled)
    trial = settled.trial
    assert (trial.status, len(trial.losses)) == ("crash", 7)
    assert "takes its machine down: 3 were lost under it" in trial.reason
    assert [loss.own for loss in trial.losses] == [False] * 4 + [True] * 3
    assert settled.replay is None
