"""The hostile suite on every isolating tier that runs here, and proof that it can fail."""

import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.outcome import Outcome, RunSpec
from sandbox.proof.hostile import NOT_HELD, ROWS, attack, not_held
from sandbox.tiers.plain import Plain
from tests.sandbox.as_user import PYTHON, call
from tests.sandbox.every_tier import RUNNERS, interpreter_for

NUMBERS = range(1, len(ROWS) + 1)


def one(runner, number, tier):
    [finding] = attack(runner, only=(number,), **interpreter_for(tier))
    return finding


def attacked_from(tier, where, rows):
    """Make the attacks with an environment of this user's own below `where`; return those that are not held."""
    with temporary_folder("environment", Path(where)) as home:
        home.chmod(0o755)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(home / "env")], check=True)
        python = str(home / "env/bin/python")
        runner = RUNNERS[tier](launcher=PYTHON)
        found = attack(runner, python, only=tuple(rows))
        return {finding.number: finding.happened for finding in found if finding.state == "broken"}


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("where", ["/tmp", "/var/tmp"])
def test_an_environment_below_a_temporary_folder_raises_no_false_alarm(walled, where, who):
    assert call(who, attacked_from, walled.tier, where, [7, 23]) == {}


def test_every_row_of_the_threat_list_is_there():
    assert len(ROWS) == 41
    assert all(set(rows) <= set(NUMBERS) for rows in NOT_HELD.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_row(walled, number, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-hostile")
    finding = one(walled.runner, number, walled.tier)
    expected = (
        {"stated"}
        if number in not_held(walled.tier)
        else {"held"}
        if number != 33
        else {"held", "absent"}
    )
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
        return RUNNERS["none"]().run(
            spec.model_copy(update={"argv": (spec.argv[0], "-c", "pass")}), cancel
        )


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
    ran = walled.run(
        "import json, os; print(json.dumps(sorted(int(p) for p in os.listdir('/proc') if p.isdigit())))"
    )
    assert len(ran.value) <= 2  # the namespace's first process and itself
