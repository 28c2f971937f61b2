"""No training outlives its harness, whichever of our processes is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.limits import meter
from sandbox.walls.launcher import LAUNCH
from tests.sandbox.as_user import call, place_of
from tests.sandbox.every_tier import ROOT, RUNNERS, folders, living, why_not

TREE = """
    import os, subprocess, sys, time
    sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(100)  # MARK"]
    subprocess.Popen(sleeper)
    subprocess.Popen(sleeper, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sleeper[0], sleeper)
        os._exit(0)
    time.sleep(100)
    """
SIZE = 4


def hold(tier, home, where):
    """Be a harness that runs the tree; called in a process of its own."""
    place = place_of(tier, Path(home))
    run = threading.Thread(target=place.run, args=(TREE.replace("MARK", place.mark),))
    if where == "thread":
        run.start()
        run.join()
    else:
        run.run()


def until(true, seconds):
    """Return whether `true()` holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def ours(harness, mark):
    """Return the processes between the harness and the training, outermost first.

    They are the launchers and what they started.
    """
    tree = meter.descendants(harness, inclusive=False)
    trained = set(living(mark))
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree if pid not in trained}
    return [pid for pid, name in names.items() if LAUNCH.encode() in name or b"bwrap" in name]


def kill_in_turn(tier, where):
    """Kill the harness, then, in another run, its first child, and so on.

    Return {which: survivors} of every run.
    """
    survivors = {}
    which = -1
    while True:
        with folders() as home:
            mark = f"mark-{home.name}"
            Path(home).chmod(0o777)
            harness = os.fork()
            if harness == 0:
                hold(tier, home, where)
                os._exit(0)
            try:
                assert until(lambda m=mark: len(living(m)) >= SIZE, 30)
                chain = busy(ours(harness, mark), mark)
                if which >= len(chain):
                    return survivors
                os.kill(harness if which < 0 else chain[which], signal.SIGKILL)
                gone = until(lambda m=mark: not living(m), 2)
                survivors[which] = 0 if gone else len(living(mark))
            finally:
                os.kill(harness, signal.SIGKILL)
                os.waitpid(harness, 0)
                for pid in living(mark):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        which += 1


def busy(chain, mark):
    """Leave out a launcher that waits for the next run."""
    trained = set(living(mark))
    return [pid for pid in chain if trained & set(meter.descendants(pid, inclusive=False))]


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("where", [pytest.param("main", marks=pytest.mark.slow), "thread"])
@pytest.mark.parametrize("tier", RUNNERS)
def test_nothing_survives_the_death_of_any_process_of_ours(tier, where, who):
    if reason := why_not(tier):
        pytest.skip(reason)
    survivors = call(who, kill_in_turn, tier, where)
    assert len(survivors) >= 3
    assert set(survivors.values()) == {0}, json.dumps(survivors)


def test_a_kernel_without_descriptors_of_processes_will_do():
    code = (
        "import os; del os.pidfd_open\n"
        "from sandbox.walls.jail.reaping import wait_for\n"
        "child = os.fork() or os._exit(7)\n"
        "pipe, _ = os.pipe()\n"
        "print(os.waitstatus_to_exitcode(wait_for(child, (pipe,))))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert ran.stdout == "7\n"
