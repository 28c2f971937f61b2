"""The stock of proposals: what is asked, in which order it lies there, and what ends the run."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

import pytest

from agent.errors import ModelAway, MoneySpent, UsageFault
from agent.propose import Context, Proposer
from agent.propose.context import Unfinished
from agent.records.events import Event, Judged, ModelWaited, Note, Proposing
from agent.records.inputs import Admitted, Tell
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial
from agent.run.bounds import Bounds, Meter
from agent.run.drafting import (
    MAX_REFUSALS_IN_A_ROW,
    Demand,
    Drafting,
    Staff,
    latency_of,
    occupation_of,
)
from agent.run.inbox import new_input
from agent.run.ledger import Ledger
from agent.run.writers import Draft, Drafted, DraftFailed, Writers
from agent.space import read_space
from tests.agent.run.test_drafting import Answers
from tests.agent.study import proposal, settle, study

TRAINED = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="sealed"),), seconds=500.0)
MONEY = 8.0


class Desk:
    """A stock over a measured run; what its writers answer waits in `answers`."""

    def __init__(self, ledger: Ledger, staff: Staff, proposer: Proposer) -> None:
        self.ledger = ledger
        self.meter = Meter(Bounds(trials=9, max_cost=MONEY))
        self.answers: SimpleQueue[Drafted | DraftFailed] = SimpleQueue()
        self.writers = Writers(self.answers.put, threading.Event())
        self.stock = Drafting(
            ledger,
            proposer,
            self.writers,
            staff,
            self.meter,
            given=(),
            over=lambda under_way: self.meter.over(under_way, 0.0),
            equip=lambda context: context,
        )

    def draft(self, fills: bool = False) -> Draft:
        """Return a draft as if it was being written."""
        draft = Draft(-1 - len(self.writers.writing), self.ledger.context(()), fills)
        self.writers.writing[draft.number] = draft
        return draft

    def took(self, wanted: Proposal, fills: bool = False) -> list[Event]:
        return list(self.stock.take(Drafted(self.draft(fills), wanted)))

    def asked(self, free: int = 1, slots: int = 1, cost: float = 0.0) -> list[str]:
        """Return the names of the methods that are asked for what the slots need."""
        demand = Demand(slots=slots, free=free, ready=0, begun=(), training=0, cost=cost)
        return [event.method for event in self.stock.ask(demand) if isinstance(event, Proposing)]


class Never(Answers):
    """A model that answers nothing; the questions to it are noted."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []

    def propose(self, context: Context) -> Proposal:
        self.contexts.append(context)
        raise UsageFault("it is called off", "autoresearch resume")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), TRAINED)
        yield ledger


def desk(ledger: Ledger, writers: int = 1, filler: Proposer | None = None) -> Desk:
    return Desk(ledger, Staff(writers, filler), Never())


def by(origin: str, **fields: object) -> Provenance:
    return Provenance.model_validate({"method": "m", "origin": origin, **fields})


def refused(origin: str) -> Trial:
    wanted = proposal().model_copy(update={"by": by(origin)})
    return Trial(number=1, status="refused", proposal=wanted, reason="no-op")


def test_only_refusals_of_the_methods_own_end_the_run(ledger: Ledger) -> None:
    stock = desk(ledger).stock
    for _ in range(MAX_REFUSALS_IN_A_ROW):
        list(stock.refused(refused("human")))
        list(stock.refused(refused("adopted")))
    assert stock.fault is None
    for number in range(1, MAX_REFUSALS_IN_A_ROW + 1):
        assert stock.fault is None, f"after {number - 1} of its own"
        list(stock.refused(refused("llm")))
    assert f"refused {MAX_REFUSALS_IN_A_ROW} times in a row" in str(stock.fault)


def test_a_good_proposal_begins_the_count_of_refusals_again(ledger: Ledger) -> None:
    work = desk(ledger)
    for _ in range(MAX_REFUSALS_IN_A_ROW - 1):
        work.took(proposal(NOPE=1))
    work.took(proposal(LR=0.3))
    for _ in range(MAX_REFUSALS_IN_A_ROW - 1):
        work.took(proposal(NOPE=1))
    assert work.stock.fault is None
    assert [each.edits for each in work.stock.staged] == [proposal(LR=0.3).edits]


def test_edits_of_people_go_before_the_methods_in_the_order_they_came(ledger: Ledger) -> None:
    work = desk(ledger)
    work.took(proposal(LR=0.2))
    for rate in (0.3, 0.4):
        work.stock.put_before(proposal(LR=rate).model_copy(update={"by": by("human")}))
    work.took(proposal(LR=0.5))
    staged = [each.edits for each in work.stock.staged]
    assert staged == [proposal(LR=rate).edits for rate in (0.3, 0.4, 0.2, 0.5)]


def test_only_a_model_is_noted_to_have_known_the_remarks(ledger: Ledger) -> None:
    asked = new_input(Tell(text="try warmup"), "ada")
    ledger.history.admit(Admitted(input=asked, at=asked.sent, accepted=True))
    work = desk(ledger)
    for rate, calls in ((0.2, 1), (0.3, 0)):
        wanted = proposal(LR=rate)
        work.took(wanted.model_copy(update={"by": by("llm", calls=calls)}))
    assert [each.by.inputs for each in work.stock.staged] == [(asked.id,), ()]


def test_times_are_those_of_the_newest_answers_of_a_model_and_of_the_newest_trials() -> None:
    def answered(seconds: float, calls: int = 1) -> Proposal:
        return proposal().model_copy(update={"by": by("llm", calls=calls, seconds=seconds)})

    def tried(seconds: float, status: str = "keep", runs: int = 1) -> Trial:
        update = {"seconds": seconds, "score_seconds": 1.0, "scores": TRAINED.scores * runs}
        result = TRAINED.model_copy(update=update)
        fields = {"number": 1, "status": status, "proposal": proposal(), "reason": "r"}
        return Trial.model_validate({**fields, "result": result})

    assert latency_of([*[answered(900.0)] * 5, *[answered(30.0)] * 8]) == 30.0
    assert latency_of([answered(30.0), answered(0.0, calls=0)]) == 30.0, "no model was asked"
    assert latency_of([]) is None and occupation_of([refused("llm")]) is None
    first = tried(59.0, "baseline", runs=2)
    assert occupation_of([first]) == 30.0, "one of the two runs of the baseline"
    assert occupation_of([first, *[tried(900.0)] * 5, *[tried(30.0)] * 8]) == 31.0


def test_a_slot_waits_for_the_model_for_a_fiftieth_of_a_trial(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("agent.run.drafting.monotonic", lambda: now[0])
    work = desk(ledger, filler=Never())
    settle(ledger, ledger.begin(proposal(LR=0.9)), TRAINED)  # type: ignore[arg-type]
    asked = []
    for now[0] in (0.0, 9.9, 10.0):  # 2 % of 500 s
        asked += [(now[0], name) for name in work.asked()]
    assert asked == [(0.0, "code"), (10.0, "code")]
    assert [draft.fills for draft in work.writers.writing.values()] == [False, True]
    alone = desk(ledger)
    now[0] = 0.0
    assert alone.asked() == ["code"]
    now[0] = 9999.0
    assert alone.asked() == [], "nobody fills in"


def test_nothing_fills_a_slot_for_which_no_trial_is_left(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.drafting.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("agent.run.drafting.GRACE_SHARE", 0.0)
    work = desk(ledger, filler=Never())
    work.meter.bounds = Bounds(trials=1)
    assert work.asked() == ["code"]
    assert work.asked() == [], "the one trial is in writing"


def test_what_goes_wrong_in_filling_in_ends_no_more_than_that(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.drafting.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("agent.run.drafting.GRACE_SHARE", 0.0)
    work = desk(ledger, filler=Never())
    work.draft()
    for wanted in (proposal(LR=0.3), proposal(LR=0.4)):
        for _ in range(MAX_REFUSALS_IN_A_ROW - 1):
            work.took(proposal(NOPE=1), fills=True)
        work.took(wanted, fills=True)
    work.stock.staged.clear()
    assert work.asked() == ["code"], "a good one begins the count again"
    assert work.asked() == [], "one is in writing"
    work.writers.writing.popitem()
    for _ in range(MAX_REFUSALS_IN_A_ROW):
        work.took(proposal(NOPE=1), fills=True)
    assert work.asked() == [] and work.stock.fault is None
    work = desk(ledger, filler=Never())
    work.draft()
    [note] = work.stock.fail(DraftFailed(work.draft(fills=True), UsageFault("none left", "x")))
    assert isinstance(note, Note) and "none left" in note.text
    assert work.asked() == [] and work.stock.fault is None
    bug = RuntimeError("of the method")
    assert list(work.stock.fail(DraftFailed(work.draft(fills=True), bug))) == []
    assert work.stock.fault is bug


def test_what_fills_in_does_not_show_that_the_model_is_back(ledger: Ledger) -> None:
    work = desk(ledger, writers=2)
    away = ModelAway("503", "later", datetime.now(UTC))
    list(work.stock.fail(DraftFailed(work.draft(), away)))
    work.took(proposal(LR=0.3), fills=True)
    assert work.asked(free=3, slots=3) == ["code"], "one question goes first"
    work.took(proposal(LR=0.4))
    assert work.asked(free=4, slots=4) == ["code"], "now two are in writing"


def test_an_outage_is_told_once_and_again_only_if_it_lasts_longer(ledger: Ledger) -> None:
    work = desk(ledger, writers=2)
    until = datetime.now(UTC) + timedelta(hours=1)
    waits = []
    for seconds in (0, -9, 0, 60):
        away = ModelAway("503", "later", until + timedelta(seconds=seconds))
        waits += list(work.stock.fail(DraftFailed(work.draft(), away)))
    assert [type(wait) for wait in waits] == [ModelWaited, ModelWaited]
    assert work.stock.goes_on and work.asked() == []


def test_several_writers_share_what_is_left_of_the_money(ledger: Ledger) -> None:
    work = desk(ledger, writers=2)
    assert work.asked(free=2, slots=2, cost=2.0) == ["code", "code"]
    contexts = [draft.context for draft in work.writers.writing.values()]
    assert [context.dollars for context in contexts] == [3.0, 3.0]
    assert len({context.seed for context in contexts}) == 2
    search = Never()
    search.looks_ahead = False
    assert Desk(ledger, Staff(2), search).asked(free=2, slots=2) == ["code"], "one after another"


def test_money_that_is_spent_ends_the_run_of_a_writer_that_was_alone(ledger: Ledger) -> None:
    spent = MoneySpent("$8.00 of $8.00 spent", "autoresearch resume")
    alone = desk(ledger)
    list(alone.stock.fail(DraftFailed(alone.draft(), spent)))
    assert alone.stock.fault is spent
    later = UsageFault("another", "x")
    list(alone.stock.fail(DraftFailed(alone.draft(), later)))
    assert alone.stock.fault is spent, "the first one is the cause"


def test_what_was_spent_on_an_answer_that_failed_is_on_record(ledger: Ledger) -> None:
    class Costly(Never):
        def propose(self, context: Context) -> Proposal:
            fault = ModelAway("no answer", "later", datetime.now(UTC) + timedelta(hours=1))
            raise Unfinished(fault, by("llm", cost=0.25, calls=1))

    work = Desk(ledger, Staff(1), Costly())
    assert work.asked() == ["code"]
    failed = work.answers.get(timeout=30)
    assert isinstance(failed, DraftFailed) and isinstance(failed.error, ModelAway)
    events = list(work.stock.fail(failed))
    [judged] = [event.trial for event in events if isinstance(event, Judged)]
    assert (judged.status, judged.proposal.by.cost) == ("refused", 0.25)
    assert ledger.history.trials[-1] == judged
