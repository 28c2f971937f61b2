"""The launcher as the harness sees it: a process that waits for its plan, and one started ahead."""

import importlib
import marshal
import os
import socket
import subprocess
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sandbox.ground.fault import SandboxFault
from sandbox.ground.lacks import next_after

WALLS = str(Path(__file__).parent)
JAIL = str(Path(__file__).with_name("jail"))


def program(module: str) -> str:
    """Return the Python code that runs `main` of a module of jail/, in an interpreter of its own.

    The module is imported, not run as a script: Python would compile a script anew for each trial,
    which takes as long as all else it does. The search path is cut to this folder and, last of
    Python's own, the compiled modules: more is not needed, and takes longer to search.
    """
    path = f"import sys; sys.path[:-1] = [{WALLS!r}]"
    return f"{path}; from jail import {module}; {module}.main()"


LAUNCH = program("start")


def command(interpreter: str, descriptor: int) -> list[str]:
    """Return the command line of the launcher, which reads its plan from `descriptor`."""
    return [interpreter, "-I", "-S", "-c", LAUNCH, str(descriptor)]


def files() -> list[str]:
    """Return the paths that the launcher needs where it runs inside a root of its own.

    Its modules are compiled here, once and for all: inside, the compiled ones could not be kept.
    """
    importlib.import_module("sandbox.walls.jail.start")
    return [JAIL]


@dataclass
class Launcher:
    """A started launcher, or what starts one inside its walls; the run's output is its output."""

    process: subprocess.Popen[bytes]
    plan: int
    """The pipe through which it gets its plan, and then leave to start the command."""
    status: int
    """The pipe on which it reports."""
    reports_to: int
    """The number that the writing end of that pipe has in the launcher."""

    @classmethod
    def start(
        cls, argv: Callable[[int, int], list[str]], environment: dict[str, str], *, talking: bool
    ) -> Self:
        """Start a launcher; raise SandboxFault where the program cannot be started.

        argv: makes the command line from the descriptors of the plan and of a second status.
        talking: with stdin, and stdout apart from stderr.
        """
        plan, plan_write = os.pipe()
        status, status_write = os.pipe()
        # Not a pipe: a scorer passes a descriptor back (sandbox/score/gate.py).
        stdin, theirs = socket.socketpair()
        # A second one, because bubblewrap closes the one it reports on before the launcher could
        # use it.
        second = os.dup(status_write)
        try:
            process = subprocess.Popen(
                argv(plan, second),
                stdin=theirs.fileno() if talking else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if talking else subprocess.STDOUT,
                env=environment,
                cwd="/",
                # The status pipe's reader is passed, too: a bubblewrap that finds none dies, and
                # its child waits for it for ever.
                pass_fds=(plan, status, status_write, second),
                start_new_session=True,
            )
        except OSError as error:
            os.close(plan_write)
            os.close(status)
            stdin.close()
            message = f"cannot start the launcher: {error}"
            raise SandboxFault(message, next_after(error)) from error
        finally:
            for descriptor in (plan, status_write, second):
                os.close(descriptor)
            theirs.close()
        with stdin:
            process.stdin = stdin.makefile("wb") if talking else None
        return cls(process, plan_write, status, status_write)

    def send(self, plan: dict[str, Any]) -> None:
        """Send the plan, with which it begins."""
        data = marshal.dumps({**plan, "status": self.reports_to})
        self._write(len(data).to_bytes(4, "little") + data)

    def go(self) -> None:
        """Let it start the command, once everything outside is done."""
        self._write(b"!")

    def _write(self, data: bytes) -> None:
        with suppress(BrokenPipeError):  # one that is dead has reported why in its output
            while data:
                data = data[os.write(self.plan, data) :]

    def close(self) -> None:
        """Close what is open and wait until it is dead; this ends one that waits for a plan."""
        os.close(self.plan)
        os.close(self.status)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self.process.wait()


class Ahead:
    """Keeps a launcher started ahead of the run that will need it.

    An interpreter's start is half of what isolation adds to a run. The launcher that waits ends
    with this object, and with the harness however that ends: its plan does not come.
    """

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter
        self._lock = threading.Lock()
        # In a thread that stays: Linux counts a child's parent as dead when the thread that started
        # it ends.
        self._starter = ThreadPoolExecutor(1, "launcher")
        self._waiting: list[Future[Launcher]] = []
        weakref.finalize(self, _dismiss, self._waiting)

    def take(self, *, talking: bool) -> Launcher:
        """Return the launcher that waits and start the next one ahead.

        It is a new one where none waits, or where other pipes are needed (talking).
        """
        if talking:
            return self._start(talking=True)
        with self._lock:
            waiting = self._waiting.pop() if self._waiting else None
            self._waiting.append(self._starter.submit(self._start))
        launcher = _alive(waiting) if waiting else None
        return launcher or self._start()

    def _start(self, *, talking: bool = False) -> Launcher:
        environment = {"LANG": "C.UTF-8"}
        return Launcher.start(
            lambda plan, _: command(self._interpreter, plan), environment, talking=talking
        )


def _alive(waiting: Future[Launcher]) -> Launcher | None:
    """Return the launcher, or None if it could not be started or was killed while it waited.

    Whatever stood in the way then need not hold now.
    """
    with suppress(SandboxFault):
        launcher = waiting.result()
        if launcher.process.poll() is None:
            return launcher
        launcher.close()
    return None


def _dismiss(waiting: list[Future[Launcher]]) -> None:
    while waiting:
        with suppress(SandboxFault, CancelledError):
            waiting.pop().result().close()
