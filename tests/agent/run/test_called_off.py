"""What a writer has at the end of a session, when it is called off."""

import threading
from pathlib import Path

import pytest

from agent.propose import Context
from agent.records.events import Note
from agent.records.proposals import Proposal
from agent.run.bounds import Bounds
from agent.run.drafting import Staff
from agent.run.loop import Loop
from tests.agent.run.test_drafting import SECONDS, Answers, rate
from tests.agent.study import ListProposer, loop_of, proposal, study


@pytest.mark.parametrize("calls", [0, 1])
def test_a_draft_that_was_paid_for_and_ends_as_it_is_called_off_waits_for_a_resume(
    tmp_path: Path, calls: int
) -> None:
    writes = threading.Event()

    def answer(number: int, _: Context) -> Proposal:
        if number:
            writes.set()
            assert cancel.wait(SECONDS), "it ends in spite of that"
            work.tell("its last words")
        made = proposal(LR=rate(number))
        by = made.by.model_copy(update={"calls": calls})
        return made.model_copy(update={"by": by})

    cancel = threading.Event()
    with study(tmp_path) as history:
        like = loop_of(history, ListProposer([]))
        bench = like._workers._bench
        work = Loop(like._ledger, bench, Answers(answer), Bounds(), cancel, staff=Staff())

        def ending() -> None:
            writes.wait(SECONDS)
            work.stop()

        thread = threading.Thread(target=ending)
        thread.start()
        events = list(work.events())
        thread.join()
        waits = [attempt.proposal for attempt in history.in_flight]
    assert [made.by.calls for made in waits] == [1] * calls
    assert Note("its last words") in events
