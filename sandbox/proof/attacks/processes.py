"""Attacks on other processes: their keys, their memory, their lives, their share of the machine."""

import fcntl
import glob
import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from .tries import REACHED, Answers, Target, attempts, call, kernel, libc, read

PTRACE_SEIZE = 0x4206  # unlike PTRACE_ATTACH, it does not stop the process if it works


def read_keys(target: Target) -> Answers:
    """Look for the planted key in every environment that can be read."""
    text = "".join(f"{name}={value}" for name, value in os.environ.items())
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
        try:
            text += read(path)
        except OSError:
            continue
    return attempts(name=lambda: target["key"] in text, value=lambda: target["value"] in text)


def look_into_processes(target: Target) -> Answers:
    """Read and trace the harness, a bystander, the first process and the parent."""
    tries: dict[str, Callable[[], Any]] = {
        "trace itself": lambda: kernel(libc.ptrace, 0, 0, None, None)
    }
    others = {
        "harness": target["harness"],
        "bystander": target["bystander"],
        "first": 1,
        "parent": os.getppid(),
    }
    for name, pid in others.items():
        if pid and pid != os.getpid():
            tries |= _looks(name, pid)
    return attempts(**tries)


def _looks(name: str, pid: int) -> dict[str, Callable[[], Any]]:
    return {
        f"{name}: memory": lambda: open(f"/proc/{pid}/mem", "rb").close(),
        f"{name}: maps": lambda: read(f"/proc/{pid}/maps"),
        f"{name}: descriptors": lambda: _open_descriptors(pid),
        f"{name}: root": lambda: os.listdir(f"/proc/{pid}/root"),
        f"{name}: trace": lambda: kernel(libc.ptrace, PTRACE_SEIZE, pid, None, None),
        f"{name}: steal": lambda: call(438, 438, os.pidfd_open(pid), 0, 0),
    }


def _open_descriptors(pid: int) -> bool:
    """Return whether what another process has open can be had; its number is no secret."""
    paths = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
    answers = attempts(**{path: partial(os.readlink, path) for path in paths})
    return REACHED in answers.values()


def kill_others(target: Target) -> Answers:
    """Kill the harness and a bystander; where that failed, everything."""
    import signal

    answers = attempts(
        harness=lambda: os.kill(target["harness"], signal.SIGCONT),
        bystander=lambda: os.kill(target["bystander"], signal.SIGKILL),
    )
    print("\n" + json.dumps(answers), flush=True)
    if REACHED not in answers.values():  # else it would really kill whatever this user runs
        victims = (1, os.getppid(), -1)
        attempts(**{str(pid): partial(os.kill, pid, signal.SIGKILL) for pid in victims})
    return answers


def starve_others(target: Target) -> Answers:
    """Take the processor from a bystander, limit it; watch and hold up who opens shared files."""
    import resource

    other = target["bystander"]
    return attempts(
        faster=lambda: os.nice(-5),
        realtime=lambda: os.sched_setscheduler(0, 1, os.sched_param(1)),
        slow_other=lambda: os.setpriority(os.PRIO_PROCESS, other, 19),
        limit_other=lambda: resource.prlimit(other, resource.RLIMIT_CPU),
        watch=lambda: call(294, 26, 0),
        hold=lambda: _lease(target["shared"]),
        notice=lambda: fcntl.fcntl(os.open(target["folder"], os.O_RDONLY), fcntl.F_NOTIFY, 1),
    )


def _lease(path: str) -> None:
    """Let whoever opens the file wait, for three quarters of a minute."""
    fcntl.fcntl(os.open(path, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_WRLCK)
