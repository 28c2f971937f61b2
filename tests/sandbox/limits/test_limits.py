"""What passes a limit is killed, and its outcome names the limit."""

import time
import tracemalloc

import pytest

from sandbox.ground.outcome import MIB, Crashed, Finished, LimitExceeded, OutOfMemory, TimedOut
from sandbox.limits import cgroup
from tests.sandbox.every_tier import living


def test_one_that_ignores_sigterm_is_killed_at_the_wall_clock(place):
    code = """
        import signal, time
        for number in range(1, 32):
            if number not in (9, 19):
                signal.signal(number, signal.SIG_IGN)
        time.sleep(60)
        """
    ran = place.run(code, wall_seconds=0.5)
    assert isinstance(ran.outcome, TimedOut)
    assert 0.5 <= ran.outcome.usage.seconds < 5


def test_one_that_closes_its_output_is_still_timed_out(place):
    ran = place.run("import os, time; os.close(1); os.close(2); time.sleep(60)", wall_seconds=0.5)
    assert isinstance(ran.outcome, TimedOut)


HOGS = {
    "private": "hog = bytearray(1 << 29)\nhog[::4096] = b'x' * len(hog[::4096])",
    "shared": """
import mmap
hog = mmap.mmap(-1, 1 << 29)
for at in range(0, 1 << 29, 4096): hog[at] = 1
""",
    "memory file": """
import os
file = os.memfd_create('hog')
for _ in range(512): os.write(file, bytes(1 << 20))
""",
    "many processes": """
import os
for _ in range(8):
    if os.fork() == 0: break
hog = bytearray(1 << 26)
hog[::4096] = b'x' * len(hog[::4096])
""",
}


def run_hog(place, kind):
    (place.home / "log").touch()
    disk = 1024 * MIB  # also the size limit of a memory file
    ran = place.run(
        HOGS[kind] + "\nimport time; time.sleep(60)", memory_bytes=200 * MIB, disk_bytes=disk
    )
    assert isinstance(ran.outcome, OutOfMemory)
    assert "killed at" in ran.outcome.evidence
    return ran.outcome


@pytest.mark.parametrize("kind", HOGS)
def test_a_memory_hog_is_told_as_out_of_memory(place, kind, monkeypatch):
    monkeypatch.setattr(cgroup, "spots", lambda: ())
    assert run_hog(place, kind).usage.peak_memory_bytes > 200 * MIB


@pytest.mark.parametrize("kind", HOGS)
def test_a_control_group_caps_memory_to_the_byte(place, kind):
    if not cgroup.caps_memory():
        pytest.skip("no control group can be made here")
    outcome = run_hog(place, kind)
    assert "control group" in outcome.evidence
    assert 190 * MIB < outcome.usage.peak_memory_bytes <= 200 * MIB


def test_shared_memory_files_end_at_the_memory_limit(walled):
    ran = walled.run(
        "with open('/dev/shm/hog', 'wb') as file:\n  while True: file.write(bytes(1 << 20))",
        memory_bytes=100 * MIB,
        disk_bytes=1024 * MIB,
    )
    assert isinstance(ran.outcome, OutOfMemory | Crashed)  # killed, or its tmpfs was full first
    assert ran.outcome.kind == "out-of-memory" or "No space left" in ran.output


@pytest.mark.parametrize(
    "last_words",
    [
        "MemoryError",
        "RuntimeError: CUDA out of memory. Tried",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_an_allocator_that_gives_up_is_out_of_memory(place, last_words):
    outcome = place.run(
        f"import sys; print({last_words!r}, file=sys.stderr); raise SystemExit(1)"
    ).outcome
    assert isinstance(outcome, OutOfMemory)
    assert "output says" in outcome.evidence


def test_a_crash_that_speaks_of_memory_is_a_crash(place):
    assert isinstance(place.run("print('I like memory'); raise SystemExit(1)").outcome, Crashed)


FILLERS = {
    "one file": """
with open('hog', 'wb') as file:
    while True: file.write(bytes(1 << 20)); file.flush()
""",
    "two files": """
for name in 'ab':
    with open(name, 'wb') as file: file.write(bytes(24 << 20))
""",
    "small files": """
import itertools
for number in itertools.count(): open(f'hog{number}', 'w').close()
""",
    "unlinked": """
import os
for _ in range(4):
    file = os.open('hog', os.O_CREAT | os.O_WRONLY)
    os.unlink('hog')
    os.write(file, bytes(16 << 20))
""",
}


@pytest.mark.parametrize("kind", FILLERS)
def test_a_full_quota_ends_the_run(place, kind):
    code = f"import os, time\nos.chdir({str(place.scratch)!r})\n{FILLERS[kind]}\ntime.sleep(60)"
    ran = place.run(code, disk_bytes=4 * MIB if kind == "small files" else 32 * MIB)
    assert isinstance(ran.outcome, LimitExceeded), ran.output
    assert ran.outcome.limit == "disk"


def test_a_flood_of_output_is_cut_and_harness_memory_stays_flat(place):
    tracemalloc.start()
    ran = place.run("import os\nwhile True: os.write(1, bytes(65536))", output_bytes=8 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(ran.outcome, LimitExceeded)
    assert ran.outcome.limit == "output"
    assert (place.home / "log").stat().st_size == ran.outcome.usage.output_bytes == 8 * MIB
    assert peak < 32 * MIB  # reading the log back, above, is 8 of them


def test_three_megabytes_without_a_newline_are_harmless(place):
    ran = place.run("print('x' * 3_000_000)")
    assert isinstance(ran.outcome, Finished)
    assert len(ran.output) == 3_000_001


def test_a_fork_bomb_is_capped_and_leaves_nobody(walled):
    code = f"""
        import os, time  # {walled.mark}
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.2)
        """
    ran = walled.run(code, processes=40, wall_seconds=1.5)
    assert isinstance(ran.outcome, TimedOut)
    assert living(walled.mark) == []


@pytest.mark.parametrize("end", ["time.sleep(60)", "os._exit(0)"])
def test_daemons_do_not_survive(place, end):
    code = f"""
        import os, time  # {place.mark}
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            os.close(1)
            os.close(2)
            time.sleep(60)
        time.sleep(0.3)
        {end}
        """
    place.run(code, wall_seconds=1.0)
    assert living(place.mark) == []


def test_results_are_not_written_after_the_end(place):
    code = f"""
        import os, time
        if os.fork() == 0:
            os.setsid(); os.close(1); os.close(2)
            time.sleep(0.5)
            open({str(place.scratch / "late")!r}, "w").write("late")
        """
    assert isinstance(place.run(code).outcome, Finished)
    time.sleep(0.8)
    assert not (place.scratch / "late").exists()


def test_an_abort_leaves_no_core(place):
    ran = place.run(f"import os; os.chdir({str(place.scratch)!r}); os.abort()")
    assert isinstance(ran.outcome, Crashed)
    assert ran.outcome.signal == 6
    assert list(place.scratch.iterdir()) == []
