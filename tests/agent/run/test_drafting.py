"""Several writers, and what fills in for them."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ModelUnavailable, MoneySpent
from agent.history.history import History
from agent.propose import Context, Proposer, Unreadable, find_method
from agent.records.events import Judged, Proposing, RunFinished, TrialStarted
from agent.records.inputs import Try
from agent.records.proposals import Proposal
from agent.run.bounds import Bounds
from agent.run.drafting import Staff, writers_for
from agent.run.inbox import Inbox, new_input, send
from agent.run.loop import Loop
from tests.agent.study import (
    ListProposer,
    Script,
    loop_of,
    proposal,
    study,
    train,
)

SET_RATE = {"kind": "set_constant", "name": "LR"}
SECONDS = 30.0
"""After which a test gives up."""


class Answers:
    """A model that answers what `answer` returns for its n-th question."""

    name = "code"
    looks_ahead = True

    def __init__(self, answer: Callable[[int, Context], Proposal | Unreadable]) -> None:
        self._answer = answer
        self._count = itertools.count()
        self.contexts: list[Context] = []

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the next answer."""
        number = next(self._count)
        self.contexts.append(context)
        return self._answer(number, context)


def run_of(
    history: History,
    proposer: Proposer,
    staff: Staff,
    trials: int | None = None,
    script: Script = train,
    hours: float | None = None,
) -> Loop:
    """Return a loop with this staff."""
    like = loop_of(history, ListProposer([]), script)
    bounds = Bounds(trials=trials, hours=hours)
    return Loop(
        like._ledger, like._workers._bench, proposer, bounds, threading.Event(), staff=staff
    )


def rate(number: int) -> float:
    return 0.2 + number / 1000


def filler() -> Proposer:
    return find_method("random").build(None)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a free slot wait for nobody."""
    monkeypatch.setattr("agent.run.drafting.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("agent.run.loop.LOOK_SECONDS", 0.02)


# ---------------------------------------------------------------- no writer


def test_without_writers_only_people_are_waited_for(tmp_path: Path) -> None:
    model = Answers(lambda number, _: proposal(LR=rate(number)))
    with study(tmp_path) as history:
        like = loop_of(history, ListProposer([]))
        inbox = Inbox(history.project, history.tag)
        bounds = Bounds(trials=1)
        loop = Loop(
            like._ledger,
            like._workers._bench,
            model,
            bounds,
            threading.Event(),
            inbox=inbox,
            staff=Staff(writers=0),
        )
        mine = Try(edits=proposal(LR=0.2).edits, hypothesis="mine")
        for event in loop.events():
            if isinstance(event, Judged) and event.trial.number == 0:
                send(history.project, history.tag, new_input(mine, "ada"))
        assert [trial.proposal.by.origin for trial in history.trials] == ["baseline", "human"]
    assert not model.contexts


def test_a_bound_waits_for_no_answer(tmp_path: Path) -> None:
    called_off: list[bool] = []
    loops: list[Loop] = []

    def answer(_: int, __: Context) -> Proposal:
        called_off.append(loops[0]._cancel.wait(SECONDS))
        raise ModelUnavailable("called off", "autoresearch resume")

    with study(tmp_path) as history:
        loops.append(run_of(history, Answers(answer), Staff(1), hours=2 / 3600))
        events = list(loops[0].events())
    assert isinstance(events[-1], RunFinished)
    assert called_off == [True], "it was called off, not waited for"


# ---------------------------------------------------------------- several writers


def test_writers_write_at_once_and_know_of_each_other(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=SECONDS)

    def answer(number: int, _: Context) -> Proposal:
        if number < 3:
            together.wait()
        return proposal(LR=rate(number))

    model = Answers(answer)
    with study(tmp_path, workers=3) as history:
        events = list(run_of(history, model, Staff(3), trials=3).events())
        assert len(history.trials) == 4
    first = sorted(model.contexts[:3], key=lambda context: len(context.in_hand))
    assert [len(context.in_hand) for context in first] == [0, 1, 2]
    assigned = [context.assignment for context in first]
    assert assigned[0] == "exploit" and len(set(assigned)) == 3
    assert [draft.assignment for draft in first[2].in_hand] == assigned[:2]
    assert len({context.seed for context in model.contexts}) == len(model.contexts)
    assert max(event.writing for event in events if isinstance(event, Proposing)) == 3


def test_drafts_in_writing_count_as_pending(tmp_path: Path) -> None:
    model = Answers(lambda number, _: proposal(LR=0.09 - number / 1000))
    with study(tmp_path, workers=2) as history:
        list(run_of(history, model, Staff(8), trials=3).events())
        assert len(history.trials) == 4 and not history.in_flight
    assert len(model.contexts) == 3, "nothing is asked for that the bound leaves no room for"


def test_one_writer_is_told_nothing_of_others(tmp_path: Path) -> None:
    model = Answers(lambda number, _: proposal(LR=rate(number)))
    with study(tmp_path) as history:
        list(run_of(history, model, Staff(None), trials=3).events())
    assert {context.assignment for context in model.contexts} == {None}
    assert {context.in_hand for context in model.contexts} == {()}


def test_what_another_writer_wrote_meanwhile_is_refused_at_once(tmp_path: Path) -> None:
    asked = threading.Barrier(2, timeout=SECONDS)
    written = threading.Event()
    refusals: list[str] = []

    def answer(number: int, context: Context) -> Proposal:
        if number > 1:
            return proposal(LR=rate(number))
        if asked.wait() == 0:
            return proposal(LR=0.3)
        written.wait(SECONDS)
        refusals.append(str(context.check(proposal(LR=0.3).edits)))
        return proposal(LR=0.31)

    with study(tmp_path, workers=2) as history:
        for event in run_of(history, Answers(answer), Staff(2), trials=2).events():
            if isinstance(event, TrialStarted) and event.attempt.number == 1:
                written.set()
    assert refusals and refusals[0].startswith("already-tried")


def test_money_that_is_short_is_left_to_one_writer(tmp_path: Path) -> None:
    def answer(number: int, context: Context) -> Proposal:
        assert context.dollars is not None
        if context.dollars < 1.0:
            raise MoneySpent("the next question may cost $1.00", "autoresearch resume")
        return proposal(LR=rate(number), cost=1.0)

    model = Answers(answer)
    with study(tmp_path, workers=2, max_cost=2.5) as history:
        work = run_of(history, model, Staff(4))
        work._meter.bounds = Bounds(max_cost=2.5)
        events = list(work.events())
        paid = [trial for trial in history.trials if trial.proposal.by.cost]
    assert len(paid) == 2, "2.5 shared by four is too little, and enough for two one by one"
    assert isinstance(events[-1], RunFinished) and "may cost $1.00" in events[-1].reason


@pytest.mark.parametrize(
    ("slots", "latency", "occupation", "writers"),
    [
        (1, 0.0, 300.0, 1),
        (1, 60.0, 300.0, 1),
        (1, 600.0, 300.0, 3),
        (16, 60.0, 310.0, 4),
        (16, 600.0, 310.0, 8),
        (1, None, None, 1),
        (16, None, 310.0, 8),
        (0, None, None, 1),
    ],
)
def test_as_many_writers_as_keep_the_slots_busy(
    slots: int, latency: float | None, occupation: float | None, writers: int
) -> None:
    assert writers_for(slots, latency, occupation) == writers


# ---------------------------------------------------------------- filling in


def test_a_search_method_fills_slots_while_the_model_writes(tmp_path: Path, at_once: None) -> None:
    over = threading.Event()

    def answer(number: int, _: Context) -> Proposal:
        if number > 0:
            over.wait(SECONDS)
        return proposal(LR=rate(number))

    with study(tmp_path, workers=2) as history:
        work = run_of(history, Answers(answer), Staff(1, filler()), trials=10)
        for _ in work.events():  # each keep may have one more trial made of what it overtook
            if sum(trial.proposal.by.origin == "search" for trial in history.trials) >= 3:
                over.set()
        by = [trial.proposal.by for trial in history.trials[1:]]
    assert over.is_set() and "search" in {each.origin for each in by}
