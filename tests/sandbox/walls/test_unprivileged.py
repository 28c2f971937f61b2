"""The same isolation for a user without any right, tried by root as that user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.ground.outcome import Finished
from sandbox.proof.hostile import NOT_HELD, ROWS
from tests.sandbox.every_tier import why_not

PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("swept")


def system_python():
    """Return a Python that every user may run; skip where there is none that is new enough."""
    new = [PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if not Path(PYTHON).exists() or subprocess.run(new, check=False).returncode:
        pytest.skip(
            f"no {PYTHON} of 3.11 or newer, and this interpreter may lie in root's own folder"
        )
    return PYTHON


def elsewhere(tier, who, world):
    """Return what tests.sandbox.unprivileged reports of `tier` as another user, elsewhere."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; all other tests try the one that runs them")
    module = [sys.executable, "-m", "tests.sandbox.unprivileged"]
    command = [*module, tier, system_python(), who, world]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def assert_isolates(report, tier, who):
    """Assert that the tier is proven and holds every row that it is not known to lack."""
    assert report["ok"], report["reason"]
    simple, uid, hog, bomb = report["kinds"]
    assert (simple, hog) == ("finished", "out-of-memory")
    assert bomb == "crashed"  # the bomb met its cap, and its own first process died of it
    assert (uid == "65534") == (who == "nobody") and uid != "0"
    stated = set(NOT_HELD.get(tier, {}))
    if who == "nobody":
        stated |= set(NOT_HELD.get(f"{tier} as a user", {}))
    states = {int(number): state for number, (state, _) in report["attacks"].items()}
    assert "broken" not in states.values(), report["attacks"]
    assert {number for number, state in states.items() if state == "stated"} <= stated
    assert len(states) == len(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["A", "B"])  # C: below
def test_isolates_for_a_user_without_rights(tier):
    if why_not(tier):
        pytest.skip(why_not(tier))
    assert_isolates(elsewhere(tier, "nobody", "open"), tier, "nobody")


@pytest.mark.slow
@pytest.mark.parametrize("who", [pytest.param("root", marks=pytest.mark.slow), "nobody"])
def test_where_no_namespace_is_allowed_tier_c_runs(who):
    if why_not("C"):
        pytest.skip(why_not("C"))
    assert_isolates(elsewhere("C", who, "closed"), "C", who)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["root", "nobody"])
def test_where_no_namespace_is_allowed_no_other_tier_runs(who):
    assert not elsewhere("B", who, "closed")["ok"]
    assert not elsewhere("A", who, "closed")["ok"]


def test_root_does_not_stay_root(walled):
    ran = walled.run(
        "import json, os; print(json.dumps([os.getuid(), os.getgid(), os.getgroups()]))"
    )
    assert isinstance(ran.outcome, Finished)
    uid, gid, groups = ran.value
    assert uid != 0 and gid != 0
    if os.geteuid() == 0:
        assert groups == []


def test_as_root_two_runs_have_two_uids(walled):
    if os.geteuid() != 0:
        pytest.skip("a user has one uid to give")
    uids = {walled.run("import os; print(os.getuid())").output for _ in range(3)}
    assert len(uids) == 3


def test_as_root_a_closed_folder_is_opened_and_closed_data_is_a_clear_error(walled):
    if os.geteuid() != 0:
        pytest.skip("a user reads what is theirs")
    (walled.home / "folder").chmod(0o700)
    assert isinstance(walled.run("import os; os.listdir('.')").outcome, Finished)
    (walled.home / "data").mkdir(mode=0o700)
    with pytest.raises(Exception, match="not readable") as caught:
        walled.run("pass", read_only=(str(walled.home / "data"),))
    assert caught.value.next_command == f"chmod -R o+rX {walled.home / 'data'}"
