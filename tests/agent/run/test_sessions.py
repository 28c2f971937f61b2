"""What a session counts against its bounds, and what it leaves to the next one."""

from pathlib import Path

import pytest

from agent.records.inputs import Admitted, Ask, Set
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Trial
from agent.run.bounds import Bounds
from agent.run.inbox import new_input
from agent.run.ledger import Ledger, Settled
from agent.run.loop import Loop
from agent.space import read_space
from tests.agent.run.test_runs import BASELINE, result, score
from tests.agent.study import ListProposer, loop_of, proposal, settle, study, work_on


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
    with study(tmp_path, workers=2) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), BASELINE)
        for rate in (0.2, 0.3):
            ledger.begin(proposal(LR=rate))
        work_on(history, [], trials=1)
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
