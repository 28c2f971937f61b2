"""The gate of a scorer: open until it is to see hidden data, and shut from then on.

A scorer puts itself under the filter of sandbox/score/traces.py before any of the candidate's code
runs in it, and sends the filter's listener here. While the gate is open each such call is let
through. Once it is shut they fail with ENOSYS, in all threads and children, for good.
"""

import errno
import fcntl
import os
import select
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from sandbox.ground.processes import read_file, tree
from sandbox.score.holdings import Hoarding, Holdings
from sandbox.score.wire import Ended, Invalid

RECEIVE = 0xC0502100
SEND = 0xC0182101
NOTICE_BYTES = 80
"""Of struct seccomp_notif, which begins with an id and a thread."""
GO_ON = 1
"""SECCOMP_USER_NOTIF_FLAG_CONTINUE"""
GONE = (errno.ENOENT, errno.EINTR, errno.ENOTCONN)
"""What the kernel answers about a thread that has just died."""
PAUSE_SECONDS = 0.001
REST_SECONDS = 10.0
"""How long what was let through may take to end, and all threads to rest."""
RESTING = "SZX"
"""The states of a thread that has nothing under way: it sleeps, or is dead."""


class Restless(Invalid):
    """A scorer went on with something between two answers."""

    def __init__(self) -> None:
        super().__init__("the model's process went on working between two answers")


class Gate:
    """Lets a scorer's calls through until it is shut; a context manager that leaves it shut."""

    def __init__(self, listener: int | None) -> None:
        """listener: of the filter; None where the scorer could not have one."""
        self._listener = listener
        self._threads: set[int] = set()
        self._scorer: int | None = None
        self.visible = False
        """Whether the files of the scorer's process can be seen from here."""
        self._stop, self._stopping = os.pipe()
        self._keeper = threading.Thread(target=self._keep, name="gate", daemon=True)

    @classmethod
    def of(cls, stdin: BinaryIO) -> Self:
        """Return the gate that a scorer offers on its stdin, a socket. Raise Ended if it is dead.

        It comes before the scorer has read anything, so it is the work of its own code.
        """
        with socket.socket(fileno=os.dup(stdin.fileno())) as line:
            flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
            word, descriptors, _, _ = socket.recv_fds(line, 1, 1, flags)
        if not word:
            raise Ended
        return cls(descriptors[0] if descriptors else None)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        os.close(self._stop)
        os.close(self._stopping)

    def shut(self) -> Holdings:
        """Let no call through any more; return the files that the scorer can still read.

        Look while nothing of the scorer runs. A thread that is kept from running could name a file
        later, and one that runs could hand files on faster than they are listed. Raise Restless if
        no such moment comes, Hoarding for too many files.
        """
        self._close()
        if self._scorer is None:
            return Holdings()
        end = time.monotonic() + REST_SECONDS
        while True:
            processes = _processes_of(self._scorer)
            before = self._activity(processes)
            if all(activity.rests for activity in before.values()):
                holdings = self._held_by(processes)
                if self._activity(_processes_of(self._scorer)) == before:
                    return holdings
                holdings.forget()
            if time.monotonic() > end:
                raise Restless
            time.sleep(PAUSE_SECONDS)

    def _held_by(self, processes: list[int]) -> Holdings:
        holdings = Holdings()
        try:
            for process in processes:
                holdings.add(process)
        except PermissionError:
            holdings.forget()
            if self.visible:
                raise Hoarding from None
        except BaseException:
            holdings.forget()
            raise
        return holdings

    def _activity(self, processes: list[int]) -> dict[int, "_Activity"]:
        """Return what is known of all threads of these processes, and of those let through."""
        threads = self._threads | set(processes)
        for process in processes:
            with suppress(OSError):
                threads |= {int(name) for name in os.listdir(f"/proc/{process}/task")}  # noqa: PTH208
        return {thread: _activity_of(thread) for thread in threads}

    def _close(self) -> None:
        if self._keeper.is_alive():
            os.write(self._stopping, b"!")
            self._keeper.join()
        if self._listener is not None:
            os.close(self._listener)
            self._listener = None

    def _keep(self) -> None:
        """Let every call through, until told to stop or nobody is left who could make one."""
        if self._listener is None:
            return
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._stop, select.POLLIN)
        while True:
            for descriptor, event in poll.poll():
                if descriptor == self._stop or event & select.POLLHUP:
                    return
                self._let_through(self._listener)

    def _let_through(self, listener: int) -> None:
        notice = bytearray(NOTICE_BYTES)
        try:
            fcntl.ioctl(listener, RECEIVE, notice)
            thread = int.from_bytes(notice[8:12], sys.byteorder)
            if not self._threads:
                self._scorer = thread
                self.visible = _is_visible(thread)
            self._threads.add(thread)
            flags = GO_ON.to_bytes(4, sys.byteorder)
            fcntl.ioctl(listener, SEND, bytes(notice[:8]) + bytes(12) + flags)
        except OSError as error:
            if error.errno not in GONE:
                raise


def _processes_of(scorer: int) -> list[int]:
    """Return the processes of the candidate's code.

    All come to the scorer's own parent when theirs dies: that is the launcher, which stays. Without
    a sandbox it is this process.
    """
    parent = int(_status(scorer)[1] or 0)
    return tree(scorer) if parent in (0, os.getpid()) else tree(parent)[1:]


def _is_visible(process: int) -> bool:
    holdings = Holdings()
    try:
        holdings.add(process)
    except (OSError, Hoarding):
        return False
    finally:
        holdings.forget()
    return True


@dataclass(frozen=True)
class _Activity:
    """What the kernel tells of a thread: as long as it is the same, the thread has not run."""

    rests: bool
    switches: tuple[str, ...]
    """How often it gave up a processor, and how often one was taken from it."""


def _activity_of(thread: int) -> _Activity:
    lines = read_file(f"/proc/{thread}/status").splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if not fields:
        return _Activity(_is_gone(thread), ())
    switches = tuple(text for name, text in fields.items() if name.endswith("_ctxt_switches"))
    return _Activity(fields.get("State", "?")[0] in RESTING, switches)


def _is_gone(thread: int) -> bool:
    """Return whether a thread has ended, and is not just hidden (hidepid of /proc)."""
    try:
        os.kill(thread, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _status(task: int) -> list[str]:
    """Return the state of a task and its parent; empty strings if it is gone."""
    text = read_file(f"/proc/{task}/stat")
    return [*text.rpartition(") ")[2].split()[:2], "", ""][:2]
