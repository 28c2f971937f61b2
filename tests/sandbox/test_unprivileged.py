"""The same isolation for a user without any right: as that user where the tests run as root, else as whoever runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.outcome import Finished
from tests.sandbox.tiers import ISOLATING, why_not

PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("tier", ISOLATING)
def test_isolates_for_a_user_without_rights(tier):
    if os.geteuid() != 0:
        pytest.skip("already a user without rights: every other test here is this one")
    if why_not(tier):
        pytest.skip(why_not(tier))
    if (
        not Path(PYTHON).exists()
        or subprocess.run([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False).returncode
    ):
        pytest.skip(f"no {PYTHON} of 3.11 or newer, and this interpreter may lie in root's own folder")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.unprivileged", tier, PYTHON],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said["ok"], said["reason"]
    assert said["uid"] == 65534
    assert said["kinds"][:2] == ["finished", "out-of-memory"]
    assert said["kinds"][2] == "crashed"  # the bomb met its cap, and its own first process died of it


def test_root_does_not_stay_root(walled):
    ran = walled.run("import json, os; print(json.dumps([os.getuid(), os.getgid(), os.getgroups()]))")
    assert isinstance(ran.outcome, Finished)
    uid, gid, groups = ran.value
    assert uid != 0 and gid != 0
    if os.geteuid() == 0:
        assert groups == []


def test_as_root_two_runs_have_two_uids(walled):
    if os.geteuid() != 0:
        pytest.skip("a user has one uid to give")
    uids = {walled.run("import os; print(os.getuid())").said for _ in range(3)}
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
