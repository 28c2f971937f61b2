"""Waiting for processes, and killing a tree of them until none is left."""

# ruff: noqa: PTH123, PTH208  (pathlib is slow to import)

import _signal  # type: ignore[import-not-found]
import os
import time

from .kernel import POLLIN, SIGKILL, SIGSTOP, Byte, libc, packed
from .protocol import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

REAP_MILLISECONDS = 500
"""How long an orphan may wait to be reaped where its signal came too early to interrupt a wait."""


def wait_for(child: int, pipes: tuple[int, ...]) -> int | None:
    """Reap until `child` has ended and return its status; None when one of `pipes` ends before."""
    _signal.signal(_signal.SIGCHLD, lambda *_: None)  # so that an orphan's end interrupts the wait
    exits: tuple[int, ...] = ()
    try:  # noqa: SIM105  contextlib takes time to import
        exits = (os.pidfd_open(child),)
    except (OSError, AttributeError):
        pass  # an old kernel: the child's signal ends the wait, or its time limit does
    while True:
        ready = readable((*exits, *pipes), REAP_MILLISECONDS)
        reaped, state = os.waitpid(-1, os.WNOHANG)
        while reaped:
            if reaped == child:
                return state
            reaped, state = os.waitpid(-1, os.WNOHANG)
        if any(pipe in ready for pipe in pipes):
            return None


def readable(descriptors: tuple[int, ...], milliseconds: int) -> list[int]:
    """Return those that can be read or are at their end, after at most so many milliseconds."""
    requests = [packed(4, descriptor) + packed(2, POLLIN, 0) for descriptor in descriptors]
    size = 8 * len(requests)
    polled = (Byte * size).from_buffer_copy(b"".join(requests))
    libc("poll", polled, len(descriptors), milliseconds)
    answers = bytes(polled)
    ready = []
    for place, descriptor in enumerate(descriptors):
        events = answers[8 * place + 6 : 8 * place + 8]
        if events != b"\0\0":
            ready.append(descriptor)
    return ready


def end_tree(plan: Plan) -> "NoReturn":
    """Kill until no child is left to wait for, then exit."""
    try:
        while True:
            if plan["become"]:
                kill_uid(*plan["become"])
            kill_descendants()
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)
    except ChildProcessError:
        os._exit(0)


def kill_uid(uid: int, gid: int) -> None:
    """Kill everything of the run's own uid in one call, which no fork can outrun."""
    helper = os.fork()
    if helper == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(helper, 0)


def kill_descendants() -> None:
    """Kill every descendant; stop all first, so that few can fork while the others are killed."""
    for number in (SIGSTOP, SIGKILL):
        pending = [os.getpid()]
        while pending:
            for pid in children(pending.pop()):
                try:
                    os.kill(pid, number)
                    pending.append(pid)
                except OSError:  # it has just ended; its children will come to this process
                    continue


def children(pid: int) -> list[int]:
    """Return the children of all threads of `pid`."""
    pids: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as stream:
                pids += [int(child) for child in stream.read().split()]
    except OSError:
        pass  # a thread or all of it has ended: its children are listed with their next parent
    return pids
