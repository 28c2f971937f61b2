"""The state that inputs lead to: what holds, until when, and what is withdrawn."""

from datetime import datetime

import pytest

from agent.records.edits import SetConstant
from agent.records.inputs import (
    Admitted,
    Approve,
    Ask,
    Go,
    Hold,
    Input,
    Pause,
    Release,
    Set,
    Skip,
    Tell,
    Try,
    Withdraw,
)
from agent.records.steering import Steering, steering_of

AT = "2026-11-29T12:00:00+00:00"
TRY = Try(hypothesis="h", edits=(SetConstant(name="LR", value="0.2"),))


def admitted(number: int, ask: Ask, accepted: bool = True, trials: int = 0) -> Admitted:
    asked = Input(id=f"k-{number}", ask=ask, sent=AT)
    return Admitted(input=asked, at=AT, accepted=accepted, trials=trials)


def after(*asks: Ask, trials: int = 0) -> Steering:
    inputs = [admitted(number, ask) for number, ask in enumerate(asks)]
    return steering_of(inputs, trials, datetime.fromisoformat(AT))


def test_the_newest_of_pause_and_go_holds() -> None:
    assert after(Pause()).paused is not None
    assert after(Pause(), Go()).paused is None
    again = after(Pause(), Go(), Pause()).paused
    assert again is not None and again.input.id == "k-2"
    assert after(Hold(), Pause(), Go()).held is not None
    assert after(Hold(), Release()).held is None


@pytest.mark.parametrize(("trials", "holds"), [(5, True), (6, True), (7, False), (8, False)])
def test_a_remark_for_two_trials_ends_after_two(trials: int, holds: bool) -> None:
    told = admitted(0, Tell(text="try warmup", trials=2), trials=5)
    state = steering_of([told], trials, datetime.fromisoformat(AT))
    assert bool(state.remarks) is holds


@pytest.mark.parametrize(
    ("until", "holds"),
    [("2026-11-29T12:00:01+00:00", True), (AT, False), ("2026-11-29T12:30:00+01:00", False)],
)
def test_a_remark_with_an_end_holds_before_it(until: str, holds: bool) -> None:
    assert bool(after(Tell(text="try warmup", until=until)).remarks) is holds


def test_a_withdrawn_remark_keeps_its_number() -> None:
    state = after(Tell(text="a"), Tell(text="b"), Withdraw(number=1), Tell(text="c"))
    assert [(remark.number, remark.tell.text) for remark in state.remarks] == [(2, "b"), (3, "c")]
    assert (state.told, state.withdrawn) == (3, frozenset({1}))


def test_the_patience_that_was_set_last_holds() -> None:
    assert after(Set(trials=3)).patience is None
    assert after(Set(patience=5), Set(patience=9), Set(hours=1.0)).patience == 9


def test_what_was_refused_leads_to_nothing() -> None:
    asks: tuple[Ask, ...] = (Pause(), Tell(text="a"), Set(patience=5), Skip(number=3), TRY)
    inputs = [admitted(number, ask, accepted=False) for number, ask in enumerate(asks)]
    assert steering_of(inputs, 0) == Steering()


def test_edits_and_approvals_are_trials_to_come_in_their_order() -> None:
    state = after(Approve(number=4), TRY, Skip(number=7))
    assert [entry.input.id for entry in state.tries] == ["k-0", "k-1"]
    assert state.skipped == frozenset({7})
