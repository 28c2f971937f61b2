"""The accidents: each happens to a night at a random moment, and is over at the return."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from tests.fuzz.night import Night, mount

Fault = Callable[[Night], None]

DAY = 86400
JUMPS = (400 * DAY, -400 * DAY, 3 * 3600, -90 * 60)
GARBAGE = (b"", b"\x00" * 40, b"999999999999999999999999", b"1", b"\xff\xfe not a pid\n")


def kill_harness(night: Night) -> None:
    """kill -9 of the harness."""
    _begin_and_wait(night)
    night.end(signal.SIGKILL)


def kill_any(night: Night) -> None:
    """kill -9 of any process of the run; then of the harness, or a stop."""
    _begin_and_wait(night)
    for _ in range(night.rng.randint(1, 3)):
        alive = night.processes()
        if not alive:
            break
        night.outside_kill = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(night.rng.choice(sorted(alive)), signal.SIGKILL)
        night.wait(night.rng.uniform(0.0, 0.5))
    _stop(night)


def freeze(night: Night) -> None:
    """SIGSTOP and SIGCONT of the harness."""
    _begin_and_wait(night)
    assert night.process is not None
    for number in (signal.SIGSTOP, signal.SIGCONT):
        with contextlib.suppress(ProcessLookupError):
            night.process.send_signal(number)
        time.sleep(night.rng.uniform(0.2, 1.5))
    _stop(night)


def fill_disk(night: Night) -> None:
    """The disk is full for a while."""
    _begin_and_wait(night)
    filler = night.home / "disk" / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    night.wait(night.rng.uniform(0.5, 4.0))
    filler.unlink()
    _stop(night)


def no_room(night: Night) -> None:
    """No file can be written any more: a limit of a few bytes a file on the harness."""
    _begin_and_wait(night)
    assert night.process is not None
    with contextlib.suppress(ProcessLookupError):
        limits = (night.rng.choice((0, 100, 4096)), resource.RLIM_INFINITY)
        resource.prlimit(night.process.pid, resource.RLIMIT_FSIZE, limits)
    night.wait(night.rng.uniform(0.5, 4.0))
    _stop(night)


def read_only_git(night: Night) -> None:
    """Nothing can be written to .git for a while."""
    _begin_and_wait(night)
    git = str(night.repository / ".git")
    if os.geteuid() == 0:
        mount("--bind", git, git)
        with contextlib.suppress(
            subprocess.CalledProcessError
        ):  # busy while something is open for writing
            mount("-o", "remount,bind,ro", git)
    else:
        subprocess.run(["chmod", "-R", "a-w", git], check=True)
    night.wait(night.rng.uniform(0.5, 3.0))
    _stop(night)
    if os.geteuid() == 0:
        subprocess.run(["umount", "-l", git], check=True)
    else:
        subprocess.run(["chmod", "-R", "u+w", git], check=True)


def jump(night: Night) -> None:
    """The clock jumps, there and perhaps back."""
    _begin_and_wait(night)
    for to in (night.rng.choice(JUMPS), night.rng.choice((0, *JUMPS))):
        night.set_clock(to)
        night.wait(night.rng.uniform(0.3, 1.5))
    _stop(night)


def lose_worktree(night: Night) -> None:
    """The run's worktree is deleted, while it is at work or after it was killed."""
    _begin_and_wait(night)
    if night.rng.random() < 0.5:
        night.end(signal.SIGKILL)
    shutil.rmtree(night.worktree, ignore_errors=True)
    night.wait(night.rng.uniform(0.1, 1.0))
    _stop(night)


def lose_local_files(night: Night) -> None:
    """Everything local is deleted after a kill -9: the branch alone must do."""
    _begin_and_wait(night)
    night.end(signal.SIGKILL)
    shutil.rmtree(night.repository / ".autoresearch", ignore_errors=True)


def tear_lock(night: Night) -> None:
    """The lock file is torn: nothing, zeros or nonsense in it, after a kill -9."""
    _begin_and_wait(night)
    night.end(signal.SIGKILL)
    if night.lock.parent.is_dir():
        night.lock.write_bytes(night.rng.choice(GARBAGE))


def close_terminal(night: Night) -> None:
    """The terminal that it was typed into is closed."""
    night.begin(terminal=True)
    night.wait_for_a_moment()
    night.hang_up()
    if not night.wait(night.rng.uniform(0.0, 20.0)):
        _stop(night)


def interrupt(night: Night) -> None:
    """Ctrl-C, once or twice, or a termination."""
    _begin_and_wait(night)
    for number in night.rng.choice(
        ((signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,))
    ):
        with contextlib.suppress(ProcessLookupError):
            assert night.process is not None
            night.process.send_signal(number)
        night.wait(night.rng.uniform(0.0, 0.5))
    night.end(signal.SIGTERM)


FAULTS: dict[str, Fault] = {
    "kill -9 of the harness": kill_harness,
    "kill -9 of any process": kill_any,
    "stopped and continued": freeze,
    "full disk": fill_disk,
    "no file can grow": no_room,
    "read-only .git": read_only_git,
    "clock jump": jump,
    "deleted worktree": lose_worktree,
    "deleted .autoresearch": lose_local_files,
    "torn lock file": tear_lock,
    "closed terminal": close_terminal,
    "interrupted": interrupt,
}


def why_not(name: str) -> str:
    """Return why this machine cannot stage the accident; empty where it can."""
    if name == "full disk" and os.geteuid() != 0:
        return "a small disk is mounted by root"
    if name == "clock jump" and shutil.which("cc") is None:
        return "the library that shifts a clock needs a C compiler"
    return ""


def _begin_and_wait(night: Night) -> None:
    night.begin()
    night.wait_for_a_moment()


def _stop(night: Night) -> None:
    """The harness ends: killed, or asked to."""
    night.end(night.rng.choice((signal.SIGKILL, signal.SIGTERM)))
