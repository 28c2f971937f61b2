"""The hybrid: how its turns are shared, and that every proposal names the arm that made it."""

import pytest

from agent.llm.scripted import Scripted
from agent.propose import METHODS
from agent.propose.hybrid import FLOOR, shares_of
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from tests.agent.propose.example import context, trial

ARMS = ("trust", "llm-hps", "code")


def played(number: int, arm: str, delta: float | None, seconds: float = 300.0) -> Trial:
    """A trial of an arm: kept with its delta, or discarded."""
    base = trial(number, 0.9, DEPTH=10)
    by = Provenance(
        method=arm,
        origin="search" if arm == "trust" else "llm",
        model=None if arm == "trust" else "m",
    )
    result = base.result.model_copy(update={"seconds": seconds}) if base.result else None
    update = {
        "proposal": base.proposal.model_copy(update={"by": by}),
        "result": result,
        "delta": delta or 0.01,
    }
    return base.model_copy(update={**update, "status": "keep" if delta else "discard"})


def shares(*trials: Trial, pending: tuple[Proposal, ...] = ()) -> dict[str, float]:
    found = shares_of(ARMS, (played(0, "baseline", None), *trials), pending)
    assert sum(found.values()) == pytest.approx(1.0)
    return found


def test_every_arm_has_a_first_turn() -> None:
    assert shares() == pytest.approx(dict.fromkeys(ARMS, 1 / 3))
    one = played(1, "code", -0.01)
    assert shares(one) == pytest.approx({"trust": 0.5, "llm-hps": 0.5, "code": 0.0})
    assert shares(one, pending=(played(2, "trust", None).proposal,))["llm-hps"] == 1.0


def test_who_gains_has_the_turns_and_nobody_loses_all_of_them() -> None:
    trials = [played(n, ARMS[n % 3], -0.01 if n % 3 == 2 else None) for n in range(1, 31)]
    found = shares(*trials)
    assert (
        found["code"] > 0.85 and FLOOR <= found["trust"] < 0.08 and FLOOR <= found["llm-hps"] < 0.08
    )
    useless = shares(
        *[played(n, ARMS[n % 3], -0.001 if n % 3 == 0 else None) for n in range(1, 31)]
    )
    assert useless["trust"] > 0.85


def test_the_same_gain_in_half_the_time_is_worth_more() -> None:
    slow = [played(n, "code", -0.01, 600.0) for n in range(1, 20, 2)]
    fast = [played(n, "trust", -0.01, 300.0) for n in range(2, 20, 2)]
    found = shares(played(1, "llm-hps", None), *slow, *fast)
    assert found["trust"] > 2 * found["code"] > found["llm-hps"]


def test_what_gained_long_ago_counts_less() -> None:
    early, late = (
        [played(n, "code", -0.01) for n in range(1, 40)],
        [played(n, "trust", -0.01) for n in range(40, 79)],
    )
    found = shares(played(0, "llm-hps", None), *early, *late)
    assert found["trust"] > found["code"]
    quiet = shares(*[played(n, ARMS[n % 3], None) for n in range(1, 30)])
    assert quiet["trust"] > 0.6 and quiet["code"] == quiet["llm-hps"] > 0.1, (
        "nobody gained: nothing to go by"
    )


def test_without_a_model_it_is_the_optimiser() -> None:
    alone, optimiser = METHODS["hybrid"].build(None), METHODS["trust"].build(None)
    assert not alone.looks_ahead and METHODS["hybrid"].model == "optional"
    for trials in (
        (trial(0, 1.0),),
        (trial(0, 1.0), *(trial(n, 0.99, DEPTH=8 + n) for n in range(1, 12))),
    ):
        one, other = alone.propose(context(*trials)), optimiser.propose(context(*trials))
        assert isinstance(one, Proposal) and isinstance(other, Proposal)
        assert (one.edits, one.by.method) == (other.edits, "trust")


def test_every_proposal_names_its_arm() -> None:
    constants = {
        "reason": "r",
        "configuration": {"DEPTH": 12},
        "hypothesis": "h",
        "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "9"}],
    }
    proposer = METHODS["hybrid"].build(Scripted([constants] * 3))
    assert proposer.looks_ahead
    made = [proposer.propose(context(played(0, "baseline", None), seed=seed)) for seed in range(30)]
    assert {(proposal.by.method, proposal.by.origin) for proposal in made} == {
        ("trust", "search"),
        ("llm-hps", "scripted"),
        ("code", "scripted"),
    }
