"""A run ends when a bound is used up, and says which, and what is left of the others."""

import pytest

from agent.records.inputs import Set
from agent.records.proposals import Proposal, Provenance
from agent.records.spending import Spending, spending_of
from agent.run.bounds import Bounds, Meter, Renewal


def paid(cost: float | None) -> Proposal:
    return Proposal(hypothesis="h", by=Provenance(method="code", origin="llm", cost=cost))


def test_without_bounds_a_run_goes_on() -> None:
    assert Bounds().spent(10**6, 10**9, 10.0) is None
    assert Bounds().left(10**6, 10**9, 10.0) == "" and Bounds().dollars(10.0) is None


def test_a_used_up_bound_is_named_in_words() -> None:
    assert "4 trials" in str(Bounds(trials=4).spent(4, 0, 0))
    assert "2 hours" in str(Bounds(hours=2).spent(0, 7200, 0))
    assert "$1.50 of $1.00" in str(Bounds(max_cost=1).spent(0, 0, 1.5))


def test_a_run_that_may_spend_nothing_goes_on_while_its_proposals_are_free() -> None:
    assert Bounds(max_cost=0).spent(5, 0, 0.0) is None
    assert "$0.01 of $0.00" in str(Bounds(max_cost=0).spent(5, 0, 0.01))


def test_what_is_left_is_said_in_words() -> None:
    bounds = Bounds(trials=10, hours=2, max_cost=5)
    assert bounds.left(4, 1800, 1.25) == "6 trials, 1.5 hours, $3.75"
    assert (bounds.dollars(1.25), bounds.dollars(6.0)) == (3.75, 0.0)


def test_proposals_without_a_verdict_cost_money_too() -> None:
    assert spending_of([paid(0.25), paid(None)]) == Spending(dollars=0.25, unpriced=1)


def test_a_bound_is_used_up_when_it_is_reached() -> None:
    assert Bounds(trials=4).spent(3, 0, 0) is None
    assert Bounds(hours=2).spent(0, 7199, 0) is None
    assert Bounds(max_cost=1.5).spent(0, 0, 1.5) == "$1.50 of $1.50 spent"
    assert Bounds(max_cost=1.5).spent(0, 0, 1.49) is None


def test_less_than_nothing_is_never_left() -> None:
    bounds = Bounds(trials=2, hours=1, max_cost=1)
    assert bounds.left(5, 9000, 3.0) == "0 trials, 0.0 hours, $0.00"


def test_a_session_counts_what_is_under_way() -> None:
    meter = Meter(Bounds(trials=3, max_cost=2))
    meter.measured = 1
    assert meter.over(1, 0.0) is None
    assert meter.over(2, 0.0) == "3 trials measured"
    assert meter.over(0, 2.0) == "$2.00 of $2.00 spent"
    assert meter.left(1, 0.5) == ("1 trials, $1.50", 1.5)
    assert Meter(Bounds()).left(1, 0.5) == ("", None)


def test_the_clock_stands_still_during_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("agent.run.bounds.time.monotonic", lambda: now[0])
    meter = Meter(Bounds(hours=1))
    now[0] = 3000.0
    meter.pause()
    now[0] = 90_000.0
    assert meter.over(0, 0.0) is None
    assert meter.left(0, 0.0)[0] == "0.2 hours"
    meter.pause()
    meter.go()
    meter.go()
    assert meter.over(0, 0.0) is None
    now[0] += 601.0
    assert meter.over(0, 0.0) == "1 hours used"


def test_bounds_that_are_set_are_of_the_whole_run() -> None:
    meter = Meter(Bounds(trials=5, hours=1.0, max_cost=2.0))
    meter.measured = 2
    meter.change(Set(trials=10), measured=8)
    assert meter.bounds == Bounds(trials=4, hours=1.0, max_cost=2.0)
    meter.change(Set(trials=3, hours=2.0), measured=8)
    assert meter.over(0, 0.0) == "2 trials measured"
    meter.change(Set(max_cost=0.0, lift=("trials", "hours")), measured=8)
    assert meter.bounds == Bounds(max_cost=0.0)


def test_an_agent_may_lower_bounds_but_not_raise_them() -> None:
    meter = Meter(Bounds(trials=5, hours=2.0))
    meter.change(Set(trials=6, hours=3.0, max_cost=4.0, only_down=True), measured=0)
    assert meter.bounds == Bounds(trials=5, hours=2.0, max_cost=4.0), "where there was none"
    meter.change(Set(trials=5, hours=1.0, max_cost=4.0, only_down=True), measured=1)
    assert meter.bounds == Bounds(trials=4, hours=1.0, max_cost=4.0)


def test_a_session_with_other_workers_gets_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("agent.run.bounds.time.monotonic", lambda: now[0])
    meter = Meter(Bounds(trials=5, hours=2.0, max_cost=3.0))
    meter.measured = 2
    now[0] = 1800.0
    assert meter.renewal(4) == Renewal(workers=4, trials=3, hours=1.5, max_cost=3.0)
    assert Meter(Bounds()).renewal(1) == Renewal(workers=1, trials=None, hours=None, max_cost=None)
