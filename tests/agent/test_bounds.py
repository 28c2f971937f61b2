"""A run ends when a bound is used up, and says which."""

from agent.bounds import Bounds, cost_of
from agent.records import Proposal, Provenance, Trial


def refused(cost: float | None) -> Trial:
    by = Provenance(method="code", origin="llm", cost=cost)
    return Trial(number=1, status="refused", proposal=Proposal(hypothesis="h", by=by), reason="no-op")


def test_without_bounds_a_run_goes_on() -> None:
    assert Bounds().spent(10**6, 10**9, [refused(10.0)]) is None


def test_each_bound_names_itself() -> None:
    assert "4 trials" in str(Bounds(trials=4).spent(4, 0, []))
    assert "2 hours" in str(Bounds(hours=2).spent(0, 7200, []))
    assert "$1.50 of $1.00" in str(Bounds(max_cost=1).spent(0, 0, [refused(1.0), refused(0.5), refused(None)]))


def test_refused_proposals_cost_money_too() -> None:
    assert cost_of([refused(0.25), refused(None)]) == 0.25
