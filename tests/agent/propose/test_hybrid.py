"""The hybrid: how it shares its turns, and that every proposal names its arm."""

import pytest

from agent.llm.scripted import Scripted
from agent.propose import METHODS
from agent.propose.hybrid import FLOOR, shares_of
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from tests.agent.propose.example import context, trial

ARMS = ("trust", "llm-hps", "code")


def trial_of(number: int, arm: str, delta: float | None, seconds: float = 300.0) -> Trial:
    """Return a trial of an arm: kept with its delta, or discarded."""
    base = trial(number, 0.9, DEPTH=10)
    assert base.result
    by = Provenance(method=arm, origin="llm", model="m")
    if arm == "trust":
        by = Provenance(method=arm, origin="search")
    update = {
        "proposal": base.proposal.model_copy(update={"by": by}),
        "result": base.result.model_copy(update={"seconds": seconds}),
        "delta": delta or 0.01,
        "status": "keep" if delta else "discard",
    }
    return base.model_copy(update=update)


def shares(*trials: Trial, pending: tuple[Proposal, ...] = ()) -> dict[str, float]:
    result = shares_of(ARMS, (trial_of(0, "baseline", None), *trials), pending)
    assert sum(result.values()) == pytest.approx(1.0)
    return result


def test_every_arm_has_a_first_turn() -> None:
    assert shares() == pytest.approx(dict.fromkeys(ARMS, 1 / 3))
    kept = trial_of(1, "code", -0.01)
    assert shares(kept) == pytest.approx({"trust": 0.5, "llm-hps": 0.5, "code": 0.0})
    assert shares(kept, pending=(trial_of(2, "trust", None).proposal,))["llm-hps"] == 1.0


def test_the_arm_that_gains_gets_the_turns_and_none_loses_all_of_them() -> None:
    trials = [trial_of(n, ARMS[n % 3], -0.01 if n % 3 == 2 else None) for n in range(1, 31)]
    result = shares(*trials)
    assert result["code"] > 0.85
    assert FLOOR <= result["trust"] < 0.08
    assert FLOOR <= result["llm-hps"] < 0.08
    useless = shares(
        *[trial_of(n, ARMS[n % 3], -0.001 if n % 3 == 0 else None) for n in range(1, 31)]
    )
    assert useless["trust"] > 0.85


def test_the_same_gain_in_half_the_time_is_worth_more() -> None:
    slow = [trial_of(n, "code", -0.01, 600.0) for n in range(1, 20, 2)]
    fast = [trial_of(n, "trust", -0.01, 300.0) for n in range(2, 20, 2)]
    result = shares(trial_of(1, "llm-hps", None), *slow, *fast)
    assert result["trust"] > 2 * result["code"] > result["llm-hps"]


def test_what_gained_long_ago_counts_less() -> None:
    early = [trial_of(n, "code", -0.01) for n in range(1, 40)]
    late = [trial_of(n, "trust", -0.01) for n in range(40, 79)]
    result = shares(trial_of(0, "llm-hps", None), *early, *late)
    assert result["trust"] > result["code"]
    quiet = shares(*[trial_of(n, ARMS[n % 3], None) for n in range(1, 30)])
    assert quiet["trust"] > 0.6 and quiet["code"] == quiet["llm-hps"] > 0.1, (
        "nobody gained: nothing to go by"
    )


def test_without_a_model_it_is_the_optimiser() -> None:
    alone = METHODS["hybrid"].build(None)
    optimiser = METHODS["trust"].build(None)
    assert not alone.looks_ahead and METHODS["hybrid"].model == "optional"
    for trials in (
        (trial(0, 1.0),),
        (trial(0, 1.0), *(trial(n, 0.99, DEPTH=8 + n) for n in range(1, 12))),
    ):
        proposal = alone.propose(context(*trials))
        expected = optimiser.propose(context(*trials))
        assert isinstance(proposal, Proposal) and isinstance(expected, Proposal)
        assert proposal.edits == expected.edits
        assert proposal.by.method == "trust"


def test_every_proposal_names_its_arm() -> None:
    constants = {
        "reason": "r",
        "configuration": {"DEPTH": 12},
        "hypothesis": "h",
        "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "9"}],
    }
    proposer = METHODS["hybrid"].build(Scripted([constants] * 3))
    assert proposer.looks_ahead
    made = [
        proposer.propose(context(trial_of(0, "baseline", None), seed=seed)) for seed in range(30)
    ]
    assert {(proposal.by.method, proposal.by.origin) for proposal in made} == {
        ("trust", "search"),
        ("llm-hps", "scripted"),
        ("code", "scripted"),
    }
