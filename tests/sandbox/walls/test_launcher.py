"""A launcher that waits is as good as a new one, and ends with the one who needs it."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import pytest

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Finished
from sandbox.limits import meter
from sandbox.walls.launcher import Ahead, Launcher, command
from tests.sandbox.every_tier import RUNNERS, Place, folders, interpreter_for, spec_in, why_not

AHEAD = tuple(tier for tier in ("B", "C") if tier in RUNNERS)


@pytest.fixture(params=AHEAD)
def stocked(request):
    """A tier that keeps a launcher ahead, with one waiting."""
    if reason := why_not(request.param):
        pytest.skip(reason)
    with folders() as home:
        place = Place(RUNNERS[request.param](), home)
        place.run("pass")
        yield place


def waiting(place):
    """The launcher that waits."""
    [launcher] = [future.result() for future in place.runner._ahead._waiting]
    return launcher


def until(true, seconds=5.0):
    """Wait until `true()` holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def test_a_run_takes_the_launcher_that_waits_and_another_one_starts(stocked):
    first = waiting(stocked).process.pid
    assert stocked.run("print(7)").value == 7
    assert waiting(stocked).process.pid != first
    assert first not in meter.descendants(os.getpid(), inclusive=False)


def test_a_launcher_that_was_killed_while_it_waited_is_replaced(stocked):
    process = waiting(stocked).process
    process.kill()
    process.wait()
    assert stocked.run("print(7)").value == 7


def test_one_that_could_not_be_started_ahead_is_started_when_it_is_needed(stocked):
    [future] = stocked.runner._ahead._waiting
    future.result().close()
    failed = Future()
    failed.set_exception(SandboxFault("no memory just then"))
    stocked.runner._ahead._waiting[:] = [failed]
    assert stocked.run("print(7)").value == 7


def test_a_launcher_that_dies_just_when_it_is_needed_is_told(stocked):
    process = waiting(stocked).process
    process.send_signal(signal.SIGSTOP)
    thread = threading.Timer(0.2, process.kill)
    thread.start()
    with pytest.raises(SandboxFault, match="could not be built"):
        stocked.run("print(7)")
    thread.join()
    assert stocked.run("print(7)").value == 7


def test_a_run_outlives_the_thread_that_took_the_launcher_before_it(stocked):
    """Linux kills a child that asked for it when the thread that started it ends."""
    thread = threading.Thread(target=stocked.run, args=("pass",))
    thread.start()
    thread.join()
    assert isinstance(stocked.run("import time; time.sleep(0.3)").outcome, Finished)


def test_it_ends_when_nobody_needs_it_any_more():
    ahead = Ahead(sys.executable)
    taken = ahead.take(talking=False)
    [future] = ahead._waiting
    spare = future.result().process
    taken.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del ahead, future
        gc.collect()
    assert (taken.process.returncode, spare.returncode) == (125, 125)


def test_it_ends_when_the_harness_is_killed():
    code = (
        "import sys, time; from sandbox.walls.launcher import Ahead;"
        "ahead = Ahead(sys.executable); ahead.take(talking=False);"
        "print(ahead._waiting[0].result().process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout
        pid = int(harness.stdout.readline())
        harness.kill()
    until(
        lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text()
    )


def test_an_interpreter_that_is_not_there_is_told():
    with pytest.raises(SandboxFault, match="cannot start the launcher"):
        Ahead("/nowhere/python").take(talking=False)


def test_no_command_starts_without_leave_to():
    """Where the harness dies between the plan and its leave, the first process starts nothing."""
    if reason := why_not("B"):
        pytest.skip(reason)
    runner = RUNNERS["B"]()
    with folders() as home:
        with runner.launch(spec_in(home, "pass", **interpreter_for("B"))) as launch:
            launcher = Launcher.start(
                lambda plan, _: command(runner.launcher, plan), {}, talking=False
            )
            status = os.dup(launcher.status)
            launcher.send({**launch.plan, "join": []})
            launcher.close()
        reports = os.read(status, 1000)
        os.close(status)
    assert b"child-pid" in reports
    assert b"ready" not in reports
