"""The hostile suite on every isolating tier that runs here, and proof that it can fail."""

import threading
from dataclasses import dataclass

import pytest

from sandbox.hostile import NOT_HELD, ROWS, attack, not_held
from sandbox.outcome import Outcome, RunSpec
from sandbox.plain import Plain
from tests.sandbox.tiers import RUNNERS, interpreter_for

NUMBERS = range(1, len(ROWS) + 1)


def one(runner, number, tier):
    [finding] = attack(runner, only=(number,), **interpreter_for(tier))
    return finding


def test_every_row_of_the_threat_list_is_there():
    assert len(ROWS) == 33
    assert all(set(rows) <= set(NUMBERS) for rows in NOT_HELD.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_row(walled, number, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-hostile")
    finding = one(walled.runner, number, walled.tier)
    expected = {"stated"} if number in not_held(walled.tier) else {"held"} if number != 33 else {"held", "absent"}
    assert finding.state in expected, finding.happened


# What a plain process holds all the same: its environment is clean, its limits are polled, its results are checked.
PLAIN_HOLDS = {9, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 26, 29, 30, 32}


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("number", [2, 3, 4, 5, 7, 8, 25, 28])
def test_a_plain_process_breaks_what_isolation_holds(number, monkeypatch):
    """The suite finds what is open: each of these attacks does reach its target where nothing stands in the way."""
    assert one(Plain(), number, "none").state == "broken"


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("number", sorted(PLAIN_HOLDS))
def test_a_plain_process_holds_what_needs_no_wall(number):
    assert one(Plain(), number, "none").state == "held"


@dataclass
class Silent:
    """A runner whose runs end well and say nothing."""

    tier: str = "A"

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        return RUNNERS["none"]().run(spec.model_copy(update={"argv": (spec.argv[0], "-c", "pass")}), cancel)


@pytest.mark.parametrize("number", [1, 3, 7, 12, 15, 16, 22, 27])
def test_an_attack_that_never_ran_holds_nothing(number):
    assert one(Silent(), number, "none").state == "broken"


def test_a_row_that_a_tier_cannot_hold_is_stated(monkeypatch):
    monkeypatch.setitem(NOT_HELD, "none", {5: "no wall"})
    finding = one(Plain(), 5, "none")
    assert (finding.state, finding.happened) == ("stated", "no wall")


def test_sees_no_process_but_its_own(walled):
    if walled.tier == "C":
        pytest.skip("tier C states that processes can be listed")
    ran = walled.run("import json, os; print(json.dumps(sorted(int(p) for p in os.listdir('/proc') if p.isdigit())))")
    assert len(ran.value) <= 2  # the namespace's first process and itself
