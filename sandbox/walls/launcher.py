"""The launcher as the harness sees it: a process that waits for its plan; and one that is started ahead of the next run."""

import importlib
import importlib.util
import marshal
import os
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

SCRIPT = str(Path(__file__).with_name("jail.py"))
IMPORT = f"import sys; sys.path[:-1] = [{str(Path(__file__).parent)!r}]; import jail; jail.main()"
"""Imported, not run as a script: Python would compile a script anew for each trial, which takes as long as all else it does.

The search path is cut to the launcher's folder and, last of Python's own, the compiled modules: it needs no more, and looks fast.
"""


def command(interpreter: str, descriptor: int) -> list[str]:
    """The command line of the launcher, which reads its plan from `descriptor`."""
    return [interpreter, "-I", "-S", "-c", IMPORT, str(descriptor)]


def files() -> list[str]:
    """What it needs where it runs inside a root of its own, where it could not compile itself once and for all."""
    importlib.import_module("sandbox.walls.jail")
    return [
        path for path in (SCRIPT, importlib.util.cache_from_source(SCRIPT)) if Path(path).exists()
    ]


@dataclass
class Launcher:
    """A started launcher, or what starts one inside its walls; the run's output is its output.

    plan: where it waits for its plan, and then for leave to start the command. status: where it reports; reports_to: its own
    number of that.
    """

    process: subprocess.Popen[bytes]
    plan: int
    status: int
    reports_to: int

    @classmethod
    def start(
        cls, argv: Callable[[int, int], list[str]], environment: dict[str, str], *, talking: bool
    ) -> Self:
        """argv: made of the descriptors of the plan and of a second status. talking: with stdin, and stdout apart from stderr."""
        plan, plan_write = os.pipe()
        status, status_write = os.pipe()
        second = os.dup(
            status_write
        )  # bubblewrap closes the one it reports on, before the launcher could
        try:
            process = subprocess.Popen(
                argv(plan, second),
                stdin=subprocess.PIPE if talking else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if talking else subprocess.STDOUT,
                env=environment,
                cwd="/",
                # The status pipe's reader goes along: a bubblewrap that finds none dies, and its child waits for it for ever.
                pass_fds=(plan, status, status_write, second),
                start_new_session=True,
            )
        except OSError as error:
            os.close(plan_write)
            os.close(status)
            raise SandboxFault(f"cannot start the launcher: {error}") from error
        finally:
            for descriptor in (plan, status_write, second):
                os.close(descriptor)
        return cls(process, plan_write, status, status_write)

    def send(self, plan: dict[str, Any]) -> None:
        """Let it begin."""
        data = marshal.dumps({**plan, "status": self.reports_to})
        self._write(len(data).to_bytes(4, "little") + data)

    def go(self) -> None:
        """Let it start the command: nothing more is to be done from outside."""
        self._write(b"!")

    def _write(self, data: bytes) -> None:
        with suppress(BrokenPipeError):  # one that is dead has said why in its output
            while data:
                data = data[os.write(self.plan, data) :]

    def close(self) -> None:
        """Give back what is open, once it is dead; one that still waits for its plan ends of it."""
        os.close(self.plan)
        os.close(self.status)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self.process.wait()


class Ahead:
    """Keeps a launcher started ahead of the run that will need it: half of what isolation adds is an interpreter's start.

    The launcher that waits ends with this object, and with the harness however that ends: its plan does not come.
    """

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter
        self._lock = threading.Lock()
        # In a thread that stays: Linux counts a child's parent as dead when the thread that started it ends.
        self._starter = ThreadPoolExecutor(1, "launcher")
        self._waiting: list[Future[Launcher]] = []
        weakref.finalize(self, _dismiss, self._waiting)

    def take(self, *, talking: bool) -> Launcher:
        """The one that waits, and start the next; a new one where there is none, or where other pipes are needed."""
        if talking:
            return self._start(talking=True)
        with self._lock:
            waiting = self._waiting.pop() if self._waiting else None
            self._waiting.append(self._starter.submit(self._start))
        return (waiting and _alive(waiting)) or self._start()

    def _start(self, *, talking: bool = False) -> Launcher:
        return Launcher.start(
            lambda plan, _: command(self._interpreter, plan), {"LANG": "C.UTF-8"}, talking=talking
        )


def _alive(waiting: Future[Launcher]) -> Launcher | None:
    """The launcher, unless it could not be started then, or was killed while it waited: nothing of that need hold now."""
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
