"""What every runner promises: outcomes, output, dialogue, cancellation, nothing left behind."""

import gc
import os
import shutil
import sysconfig
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import MIB, Cancelled, Crashed, Finished, TimedOut
from sandbox.limits import cgroup, meter
from tests.sandbox.every_tier import folders, interpreter_for, living, spec_in


def test_finishes_with_its_output_in_the_log_and_its_files_in_scratch(place):
    ran = place.run(
        f"""
        import sys
        print("out"); print("err", file=sys.stderr)
        open({str(place.scratch / "result")!r}, "w").write("done")
        """
    )
    assert isinstance(ran.outcome, Finished)
    assert sorted(ran.output.split()) == ["err", "out"]
    assert (place.scratch / "result").read_text() == "done"
    assert ran.outcome.usage.output_bytes == len("out\nerr\n")
    assert 0 < ran.outcome.usage.seconds < 30


@pytest.mark.parametrize(
    ("code", "exit_code", "signal"),
    [("raise SystemExit(3)", 3, None), ("import os; os.kill(os.getpid(), 11)", None, 11)],
)
def test_tells_an_exit_status_from_a_signal(place, code, exit_code, signal):
    outcome = place.run(code).outcome
    assert isinstance(outcome, Crashed)
    assert (outcome.exit_code, outcome.signal) == (exit_code, signal)


def test_starts_in_its_folder_with_a_clean_environment(place, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    ran = place.run(
        "import os, json; print(json.dumps([os.getcwd(), dict(os.environ)]))",
        environment={"GIVEN": "1"},
    )
    folder, environment = ran.value
    assert folder == str(place.home / "folder")
    assert environment["GIVEN"] == "1"
    assert "SOME_API_KEY" not in environment
    for name in (
        "HOME",
        "TORCHINDUCTOR_CACHE_DIR",
        "TRITON_CACHE_DIR",
        "CUDA_CACHE_PATH",
        "XDG_CACHE_HOME",
    ):
        assert environment[name].startswith(str(place.scratch))


def test_temporary_files_are_in_its_folder_and_have_short_paths(place):
    """A path of a socket has 107 characters at most; that of a trial is longer."""
    deep = replace(place, home=place.home / ("a-long-name" * 8))
    for name in ("folder", "scratch"):
        (deep.home / name).mkdir(parents=True)
    ran = deep.run(
        """
        import json, os, tempfile
        from multiprocessing.connection import Listener
        name = tempfile.mkdtemp(prefix="pymp-")
        open(name + "/file", "w").write("x" * 4096)
        Listener(name + "/listener-12345678")
        same = os.path.samefile(os.environ["TMPDIR"], os.environ["HOME"])
        print(json.dumps([name, same]))
        """
    )
    name, same = ran.value
    assert same
    assert len(name) < 80
    assert list(deep.scratch.iterdir()) == []
    assert not os.path.lexists(Path(name).parent)


def test_home_and_caches_are_gone_afterwards(place):
    place.run(
        """
        import os
        for name in ("HOME", "TMPDIR"):
            open(os.environ[name] + "/left", "w")
        """
    )
    assert list(place.scratch.iterdir()) == []


def test_reads_what_it_was_given(place):
    (place.home / "data").mkdir()
    (place.home / "data/tokens").write_text("tokens")
    ran = place.run(
        f"print(open({str(place.home / 'data/tokens')!r}).read())",
        read_only=(str(place.home / "data"),),
    )
    assert ran.output == "tokens\n"


def test_has_an_empty_stdin(place):
    assert place.run("import sys; print(len(sys.stdin.read()))").output == "0\n"


def test_uses_the_cores_it_was_given(place):
    core = min(os.sched_getaffinity(0))
    code = """
        import json, os
        print(json.dumps([list(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"]]))
        """
    ran = place.run(code, cpus=(core,))
    assert ran.value == [[core], "1"]


def test_holds_a_conversation(place):
    heard = []

    def dialogue(stdin, stdout):
        for word in (b"one\n", b"two\n"):
            stdin.write(word)
            stdin.flush()
            heard.append(stdout.readline())

    code = """
        import sys
        for line in sys.stdin:
            print(line.strip().upper(), flush=True)
        print("bye", file=sys.stderr)
        """
    ran = place.converse(code, dialogue)
    assert isinstance(ran.outcome, Finished)
    assert heard == [b"ONE\n", b"TWO\n"]
    assert ran.output == "bye\n"


def test_ends_a_conversation_that_raises(place):
    class NoMoreError(Exception):
        pass

    def dialogue(stdin, stdout):
        stdout.readline()
        raise NoMoreError

    started = time.monotonic()
    with pytest.raises(NoMoreError):
        place.converse(f"import time; print('{place.mark}', flush=True); time.sleep(60)", dialogue)
    assert time.monotonic() - started < 20
    assert living(place.mark) == []


def test_unblocks_a_conversation_at_the_wall_clock(place):
    outcome = place.converse(
        "import time; time.sleep(60)", lambda stdin, stdout: stdout.readline(), wall_seconds=0.5
    ).outcome
    assert isinstance(outcome, TimedOut)


def test_a_conversation_with_a_dead_command_is_its_crash(place):
    def dialogue(stdin, stdout):
        if not stdout.readline():
            raise EOFError

    outcome = place.converse("raise SystemExit(7)", dialogue).outcome
    assert isinstance(outcome, Crashed)
    assert outcome.exit_code == 7


def test_is_cancelled_at_once(place):
    cancel = threading.Event()
    cancelled_at = []
    timer = threading.Timer(0.5, lambda: (cancelled_at.append(time.monotonic()), cancel.set()))
    timer.start()
    ran = place.run("import time; time.sleep(60)", cancel)
    assert isinstance(ran.outcome, Cancelled)
    assert time.monotonic() - cancelled_at[0] < 20  # of the 60 that it would have slept


def test_a_program_that_does_not_exist_is_the_harness_s_fault(place):
    with pytest.raises(SandboxFault, match="no-such-program"):
        place.run("", argv=("/usr/bin/no-such-program",))


def test_a_missing_path_is_the_harness_s_fault(walled):
    with pytest.raises(SandboxFault, match="nowhere"):
        walled.run("pass", read_only=("/nowhere",))


def test_runs_in_several_threads_at_once(place):
    def run(number):
        with folders() as home:
            outcome = place.runner.run(
                spec_in(home, f"print({number})", **interpreter_for(place.tier)), threading.Event()
            )
            return outcome.kind, (home / "log").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(8))) == [("finished", f"{number}\n") for number in range(8)]


def test_leaves_no_descriptor_process_mount_or_folder_behind(place):
    def left():
        settle(place.runner)
        return len(list(Path("/proc/self/fd").iterdir())), Path("/proc/self/mounts").read_text()

    place.run("pass")
    before = left()
    for number in range(12):
        place.run(f"print('{place.mark}', {number})")
    assert left() == before
    assert living(place.mark) == []
    assert list(place.scratch.iterdir()) == []


def settle(runner):
    """Wait for the launcher of the next run, and for the end of those of earlier tests."""
    gc.collect()
    for launcher in runner._ahead._waiting:
        launcher.result()


def inventory():
    """Return everything of this machine that a run could leave behind."""
    groups = set()
    for spot in cgroup.spots():
        groups |= set(spot.parent.glob(f"{cgroup.PREFIX}-run-{os.getpid()}-*"))
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": [
            thread.name
            for thread in threading.enumerate()
            if not thread.name.startswith("launcher")
        ],
        "children": len(
            meter.descendants(os.getpid(), inclusive=False)
        ),  # one of them waits to launch the next run
        "mounts": Path("/proc/self/mounts").read_text(),
        "control groups": groups,
        "temporary files": {
            path.name for path in Path(tempfile.gettempdir()).glob("autoresearch-short-*")
        },
        "shared memory": sorted(path.name for path in Path("/dev/shm").iterdir()),
        "semaphores and queues": [
            Path(f"/proc/sysvipc/{kind}").read_text() for kind in ("shm", "sem", "msg")
        ],
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_leaves_nothing_behind_after_200_runs(place):
    """Each leaves its session, forks, makes files and a segment; one in four is killed.

    Run this test alone: what others make meanwhile counts as left behind.
    """
    code = """
        import mmap, os, sys, time  # {mark}
        own = [os.environ["HOME"] + "/left", os.environ["TMPDIR"] + "/left"]
        for name in (*own, "/dev/shm/{mark}-" + str(os.getpid())):
            try:
                file = open(name, "wb+")
                file.write(b"left")
                file.flush()
            except OSError:
                pass
        hold = mmap.mmap(file.fileno(), 4) if not file.closed else None
        os.fork() or os.setsid()
        time.sleep({pause})
        """
    place.run("pass")
    settle(place.runner)
    before = inventory()
    marked = textwrap.dedent(code).replace("{mark}", place.mark)
    for number in range(200):
        place.run(marked.replace("{pause}", "9" if number % 4 == 0 else "0.15"), wall_seconds=0.4)
    assert living(place.mark) == []
    assert list(place.scratch.iterdir()) == []
    settle(place.runner)
    after = inventory()
    if place.tier == "none":  # it protects nothing, /dev/shm among it
        for name in set(after["shared memory"]) - set(before["shared memory"]):
            Path("/dev/shm", name).unlink()
        after["shared memory"] = before["shared memory"]
    assert after == before


def test_sees_its_interpreter_and_packages(place):
    ran = place.run(
        "",
        argv=(
            place.python,
            "-I",
            "-c",
            "import json, torch; print(json.dumps(torch.arange(5).sum().item()))",
        ),
    )
    assert ran.value == 10


@pytest.mark.slow
def test_a_model_is_compiled_inside(place):
    """torch.compile calls the machine's C++ compiler, whose files go into the run's own folder."""
    if not (shutil.which("g++") and Path(sysconfig.get_path("include"), "Python.h").exists()):
        pytest.skip("no C++ compiler, or no headers of this Python")
    code = (
        "import torch; f = torch.compile(lambda x: (x * 2 + 1).sin().sum());"
        " print(f(torch.zeros(8)).item())"
    )
    ran = place.run("", argv=(place.python, "-c", code), wall_seconds=170, disk_bytes=512 * MIB)
    assert isinstance(ran.outcome, Finished), ran.output
    assert abs(float(ran.output.splitlines()[-1]) - 6.7318) < 0.001
    assert list(place.scratch.iterdir()) == []


def test_data_loader_workers_run_inside(place):
    (place.home / "folder/train.py").write_text(
        "import torch\n"
        "from torch.utils.data import DataLoader\n"
        "torch.set_num_threads(1)\n"
        "loader = DataLoader(torch.arange(64.0), batch_size=8, num_workers=2)\n"
        "print(sum(batch.sum().item() for batch in loader))\n"
    )
    ran = place.run("", argv=(place.python, "train.py"), wall_seconds=60)
    assert ran.output == "2016.0\n"
