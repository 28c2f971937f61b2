"""The hostile suite on every isolating tier that runs here, and proof that it can fail."""

import codecs
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.outcome import Outcome, RunSpec
from sandbox.proof import hostile
from sandbox.proof.attacks.files import read_outside
from sandbox.proof.attacks.traces import NOTES, SHARED_FOLDERS
from sandbox.proof.hostile import NOT_HELD, ROWS, attack, not_held
from sandbox.tiers.plain import Plain
from tests.sandbox.as_user import PYTHON, call
from tests.sandbox.every_tier import RUNNERS, interpreter_for
from tests.sandbox.unprivileged import NOBODY

NUMBERS = range(1, len(ROWS) + 1)
RACES = 12
"""How often an attack is tried that races with its target."""
GPU_ROW = 33
codecs.lookup("unicode_escape")  # nobody may not be able to load it later
TARGETS = dict.fromkeys(("home", "secret", "scratch", "ssh", "harness"), "/nowhere")


def attack_row(runner, number, tier):
    """Return the finding of one row."""
    [finding] = attack(runner, only=(number,), **interpreter_for(tier))
    return finding


def attacked_from(tier, place, rows):
    """Return the rows that are not held where the environment lies in `place`."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", f"{place}/env"], check=True)
    runner = RUNNERS[tier](launcher=PYTHON)
    findings = attack(runner, f"{place}/env/bin/python", only=tuple(rows))
    return {finding.number: finding.happened for finding in findings if finding.state == "broken"}


@pytest.fixture
def owned_place(who, where):
    """A folder below `where` that belongs to `who`."""
    if not os.access(where, os.W_OK):
        pytest.skip(f"this user may not write {where}")
    with temporary_folder("environment", Path(where)) as place:
        place.chmod(0o755)
        if who == "nobody" and os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
        yield place


@pytest.mark.slow
@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("where", ["/tmp", "/var/tmp", "/home", "/opt"])
def test_an_environment_anywhere_raises_no_false_alarm(walled, owned_place, who):
    """The rows are those that write, read and plant beside the interpreter."""
    assert call(who, attacked_from, walled.tier, str(owned_place), [7, 8, 23]) == {}


def test_what_lies_in_opt_beside_an_environment_is_still_looked_for(monkeypatch):
    """A plain process sees all of /opt; without a neighbour there, it sees nothing that matters."""
    names = {"opt": ["somebody-else-s"]}
    monkeypatch.setattr("os.listdir", lambda path: ["environment", "somebody-else-s"])
    assert read_outside({**TARGETS, **names})["opt"] == "reached"
    monkeypatch.setattr("os.listdir", lambda path: ["environment"])
    assert read_outside({**TARGETS, **names})["opt"] == "nothing"


def test_every_row_of_the_threat_list_is_there():
    assert len(ROWS) == 52
    assert all(set(rows) <= set(NUMBERS) for rows in NOT_HELD.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_row(walled, number, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-hostile")
    finding = attack_row(walled.runner, number, walled.tier)
    expected = {"held"}
    if number == GPU_ROW:
        expected.add("absent")
    if number in not_held(walled.tier):
        expected = {"stated"}
    assert finding.state in expected, finding.happened


def states_of(tier, rows):
    """Return by number how rows end, and what went wrong."""
    findings = attack(RUNNERS[tier](launcher=PYTHON), PYTHON, only=tuple(rows))
    return {finding.number: [finding.state, finding.happened] for finding in findings}


@pytest.mark.slow
@pytest.mark.usefixtures("swept")
def test_a_user_without_rights_keeps_the_evaluator_apart_too(walled):
    rows = [42, 43, 44, 46, 47, 49, 50, 51]
    expected = {str(number): "held" for number in rows}
    if walled.tier == "C":
        expected["46"] = "stated"
        expected["51"] = "stated"
    states = call("nobody", states_of, walled.tier, rows)
    assert {number: state for number, (state, _) in states.items()} == expected, states


# What a plain process holds all the same: its environment is clean, its limits are polled, its
# results are checked.
PLAIN_HOLDS = {9, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 26, 29, 30, 32, 45, 47}


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("number", [2, 3, 4, 5, 7, 8, 25, 27, 28, 42, 43, 44, 46, 48, 49, 51, 52])
def test_a_plain_process_breaks_what_isolation_holds(number, monkeypatch):
    """Each of these attacks does reach its target where nothing stands in the way."""
    # Some race with what they attack, and win every second time.
    states = (attack_row(Plain(), number, "none").state for _ in range(RACES))
    assert "broken" in states


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("number", sorted(PLAIN_HOLDS))
def test_a_plain_process_holds_what_needs_no_wall(number):
    assert attack_row(Plain(), number, "none").state == "held"


@pytest.mark.usefixtures("swept")
def test_an_attack_that_no_wall_stops_leaves_nothing_in_shared_folders(monkeypatch):
    def left():
        paths = set()
        for folder, name in product(SHARED_FOLDERS, ("mark-*", *NOTES)):
            paths |= set(Path(folder).glob(name))
        return paths

    others = left()
    with monkeypatch.context() as unswept:
        unswept.setattr(hostile, "_swept", nullcontext)
        list(attack(Plain(), sys.executable, only=(24, 31)))
    made = left() - others
    assert made
    for path in made:
        path.unlink()
    list(attack(Plain(), sys.executable, only=(24, 31)))
    assert not left() - others


@dataclass
class Silent:
    """A runner whose runs end well and print nothing."""

    tier: str = "A"

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        return RUNNERS["none"]().run(
            spec.model_copy(update={"argv": (spec.argv[0], "-c", "pass")}), cancel
        )


@pytest.mark.parametrize("number", [1, 3, 7, 12, 15, 16, 22, 27])
def test_an_attack_that_never_ran_holds_nothing(number):
    assert attack_row(Silent(), number, "none").state == "broken"


def test_a_row_that_a_tier_cannot_hold_is_stated(monkeypatch):
    monkeypatch.setitem(NOT_HELD, "none", {5: "no wall"})
    finding = attack_row(Plain(), 5, "none")
    assert (finding.state, finding.happened) == ("stated", "no wall")


def test_sees_no_process_but_its_own(walled):
    if walled.tier == "C":
        pytest.skip("tier C states that processes can be listed")
    code = """
        import json, os
        print(json.dumps([name for name in os.listdir("/proc") if name.isdigit()]))
        """
    ran = walled.run(code)
    assert len(ran.value) <= 2  # the namespace's first process and itself
