"""What a session counts against its bounds, and what it leaves to the next one."""

import threading
from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.evaluate.slots import Slot
from agent.records.events import Judged
from agent.records.inputs import Admitted, Ask, Pause, Set, Try
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Trial
from agent.run.bounds import Bounds
from agent.run.inbox import new_input, send
from agent.run.ledger import Ledger, Settled
from agent.run.loop import Loop
from agent.space import read_space
from sandbox.ground.outcome import Outcome, RunSpec
from tests.agent.run.test_runs import BASELINE, result, score
from tests.agent.study import (
    ListProposer,
    loop_of,
    proposal,
    settle,
    source_of,
    study,
    train,
    work_on,
)


def accepted(ask: Ask) -> Admitted:
    asked = new_input(ask, "ada")
    return Admitted(input=asked, at=asked.sent, accepted=True)


def heed(loop: Loop, ask: Ask) -> None:
    list(loop._heed(accepted(ask)))


def test_only_trials_that_were_measured_count(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]), trials=1)
        counts = []
        for status, measured in (
            ("baseline", result(score())),
            ("refused", None),
            ("skipped", None),
            ("discard", result(score())),
        ):
            by = {"method": "m", "origin": "baseline" if status == "baseline" else "llm"}
            made = Proposal.model_validate({"hypothesis": "h", "by": by})
            fields = {"number": 1, "status": status, "proposal": made, "reason": "r"}
            trial = Trial.model_validate({**fields, "result": measured})
            list(loop._settled(Settled(trial, None)))
            counts.append(loop._meter.measured)
    assert counts == [0, 0, 0, 1]
    assert loop._over() == "1 trial measured"


def test_a_proposal_costs_what_it_costs_from_its_answer_on_and_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]))
        ledger = loop._ledger
        settle(ledger, ledger.begin_baseline(), BASELINE)
        paid = proposal(LR=0.3, cost=0.5)
        assert loop._cost() == 0.0
        loop._drafting.put_before(paid)
        assert loop._cost() == 0.5, "in stock"
        attempt = ledger.begin(loop._drafting.staged.popleft())
        assert isinstance(attempt, Attempt)
        loop._line.put_first(attempt)
        assert loop._cost() == 0.5, "in line"
        loop._line.remove(attempt)
        settle(ledger, attempt, result(score(2.0)))
        assert loop._cost() == 0.5, "judged"


def test_attempts_in_flight_are_not_begun_beyond_the_bound(tmp_path: Path) -> None:
    trained: list[str] = []

    def counted(spec: RunSpec) -> tuple[Outcome, str]:
        trained.append(source_of(spec))
        return train(spec)

    with study(tmp_path, workers=2) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), BASELINE)
        for rate in (0.2, 0.3):
            ledger.begin(proposal(LR=rate))
        work_on(history, [], counted, trials=1)
        [tried] = {text for text in trained if "LR = 0.1 " not in text}
        assert "LR = 0.2 " in tried
        assert [trial.number for trial in history.trials] == [0, 1]
        assert [attempt.number for attempt in history.in_flight] == [2]


def test_a_session_with_other_workers_follows_unless_a_bound_or_a_word_ends_the_run(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]), trials=3)
        assert loop.renewal is None, "nobody asked for other workers"
        loop._meter.measured = 1
        heed(loop, Set(workers=2))
        assert loop._ending == "2 workers from now on"
        assert loop.renewal is not None
        assert (loop.renewal.workers, loop.renewal.trials) == (2, 2)
        loop._meter.measured = 3
        assert loop.renewal is None, "nothing is left"
        loop._meter.bounds = Bounds()
        assert loop.renewal is not None
        loop.stop()
        assert loop.renewal is None
        heed(loop, Set(workers=2))
        loop.abort()
        assert loop.renewal is None and loop._cancel.is_set()


@pytest.mark.parametrize(("bound", "left"), [(5, 3), (2, 0)])
def test_a_bound_on_trials_is_of_the_whole_run(tmp_path: Path, bound: int, left: int) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), BASELINE)
        for rate in (0.2, 0.3):
            attempt = ledger.begin(proposal(LR=rate))
            assert isinstance(attempt, Attempt)
            settle(ledger, attempt, result(score(2.0)))
        loop = loop_of(history, ListProposer([]))
        heed(loop, Set(trials=bound))
        assert loop._meter.bounds.trials == left


def test_what_is_in_stock_waits_for_a_resume_unless_its_code_has_no_score(tmp_path: Path) -> None:
    wanted = proposal(LR=0.3)
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]))
        loop._drafting.put_before(wanted)
        loop._keep_for_resume()
        assert history.in_flight == ()
        settle(loop._ledger, loop._ledger.begin_baseline(), BASELINE)
        loop._keep_for_resume()
        assert [attempt.proposal for attempt in history.in_flight] == [wanted]


def test_what_is_tried_again_is_the_next_one(tmp_path: Path) -> None:
    again = proposal(LR=0.3)
    fields = {"number": 1, "status": "discard", "proposal": again, "reason": "r"}
    trial = Trial.model_validate({**fields, "result": result(score())})
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]))
        loop._drafting.put_before(proposal(LR=0.2))
        list(loop._settled(Settled(trial, again)))
    assert loop._drafting.staged[0] is again


def test_a_question_that_was_cancelled_is_no_fault(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]))
        fault = UsageFault("it was called off", "x")
        loop._cancel.set()
        loop._drafting.fault = fault
        loop._end_without_proposals()
        assert loop._fault is None
        loop._cancel.clear()
        loop._drafting.fault = fault
        loop._end_without_proposals()
        assert loop._fault is fault


def test_a_paused_session_lasts_until_a_bound_is_used_up(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer([]), trials=1, heard=True)
        assert loop._is_done, "nothing trains, and nobody proposes"
        history.admit(accepted(Pause()))
        assert not loop._is_done
        loop._meter.measured = 1
        assert loop._is_done


def test_edits_of_people_and_attempts_in_flight_are_taken_up_where_they_are_wanted(
    tmp_path: Path,
) -> None:
    mine = Try(edits=proposal(LR=0.2).edits, hypothesis="mine")
    with study(tmp_path) as history:
        history.admit(accepted(mine))
        loop = loop_of(history, ListProposer([]), heard=True)
        assert [each.edits for each in loop._drafting.staged] == [mine.edits]
        assert not loop_of(history, ListProposer([]))._drafting.staged, "nobody is heard"
        attempt = loop._ledger.begin(proposal(LR=0.3))
        like = loop_of(history, ListProposer([]))
        assert list(like._line) == [attempt]
        others = (like._ledger, like._workers._bench, ListProposer([]), Bounds())
        only_new = Loop(*others, threading.Event(), only_new=True)
        assert list(only_new._line) == []


@pytest.mark.parametrize(("unit", "begun"), [("s", 0), ("steps", 1)])
def test_nothing_that_is_timed_begins_beside_a_probe(tmp_path: Path, unit: str, begun: int) -> None:
    with study(tmp_path, budget={"amount": 60, "unit": unit}) as history:
        loop = loop_of(history, ListProposer([]))
        settle(loop._ledger, loop._ledger.begin_baseline(), BASELINE)
        loop._fleet.join([Slot(number=0, cpus=(0,))])
        loop._workers.is_probing = True
        loop._cancel.set()  # what is begun is not trained
        loop._drafting.put_before(proposal(LR=0.3))
        list(loop._start_ready())
        assert len(history.in_flight) == begun


def test_a_bound_that_is_raised_after_the_last_trial_lets_the_session_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.hearing.LOOK_SECONDS", 3600.0)  # but for the last look
    proposals = [proposal(LR=0.2), proposal(LR=0.3)]
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer(proposals), trials=1, heard=True)
        for event in loop.events():
            if isinstance(event, Judged) and event.trial.number == 1:
                send(history.project, history.tag, new_input(Set(trials=2), "ada"))
        assert [trial.number for trial in history.trials] == [0, 1, 2]
