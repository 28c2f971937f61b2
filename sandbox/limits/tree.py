"""A launched process tree: starts it, reads its pipes, lists its processes, and kills it."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sandbox.ground.fault import SandboxFault
from sandbox.ground.log import Log
from sandbox.ground.outcome import RunSpec
from sandbox.limits import cgroup, evidence, meter
from sandbox.limits.gauges import Gauges
from sandbox.limits.launch import Launch
from sandbox.limits.vram import Vram

CHUNK = 1 << 16
DEATH_SECONDS = 20.0
"""How long a killed tree may take to vanish; one that waits uninterruptibly cannot be killed."""


@dataclass
class Reports:
    """The reports of the launcher."""

    ready: bool = False
    """Whether it has become the command."""
    error: str | None = None
    """Why the walls could not be built."""
    exit_code: int | None = None
    signal: int | None = None
    inner: int = 0
    """The second process of a launcher that is a subreaper."""
    child: int = 0
    """The namespace's first process."""

    def add(self, message: dict[str, Any]) -> None:
        """Take one line of the launcher's, read as JSON."""
        self.ready = self.ready or "ready" in message
        self.error = message.get("error", self.error)
        self.signal = message.get("signal", self.signal)
        self.inner = message.get("inner", self.inner)
        self.exit_code = message.get("exited", self.exit_code)


@dataclass
class Tree:
    """A running process tree; a context manager that leaves it dead."""

    launch: Launch
    spec: RunSpec
    talking: bool
    """Whether the run has a dialogue: then its stderr is logged, and not its stdout."""
    reports: Reports = field(default_factory=Reports)
    written: int = 0
    """Bytes of output that were logged."""
    overflowed: bool = False
    """Whether there was more output than may be logged."""
    fault: SandboxFault | None = None
    """What the harness itself could not do while the tree lived; it ends the tree."""
    dead: bool = False
    first: int | None = None
    """The namespace's first process, as a pidfd."""
    resources: ExitStack = field(default_factory=ExitStack)
    """What is given back once the tree is dead."""
    _unfinished: bytes = b""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.resources.close()  # a launcher that was not sent its plan ends by that
            raise
        return self

    def _start(self) -> None:
        spec = self.spec
        self.kernel_kills = evidence.kernel_kills()
        self.vram = Vram(spec.gpus, spec.limits.vram_bytes)
        self.log = self.resources.enter_context(Log(spec.log))
        self.started = time.monotonic()
        self.launcher = self.launch.start(self.talking)
        self.resources.callback(self.launcher.close)
        # Made after the start: bubblewrap is at work meanwhile.
        self.group = self.resources.enter_context(cgroup.group(spec.limits))
        self.process = self.launcher.process
        output = self.process.stderr if self.talking else self.process.stdout
        assert output is not None
        self.output = output.fileno()
        self.status = self.launcher.status
        self.pidfd = os.pidfd_open(self.process.pid) if hasattr(os, "pidfd_open") else None
        self.gauges = Gauges(spec, self.launch, self.vram, self.members)
        for descriptor in (self.status, self.output):
            os.set_blocking(descriptor, False)
        self._send_plan()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.kill()
        finally:
            self.resources.close()
            for descriptor in (self.pidfd, self.first):
                if descriptor is not None:
                    os.close(descriptor)

    # ---------------------------------------------------------------- the start

    def _send_plan(self) -> None:
        """Send the plan, and see to the run's control groups.

        Those take as long as building walls does, and are made meanwhile. A namespace's first
        process is put there once it is known. A subreaper leaves it to its child, because it must
        be able to fork when they are full.
        """
        doors = self.group.doors if self.group and self.launch.subreaper else ()
        if not (self.launch.namespace or self.launch.subreaper):
            self._admit(self.process.pid)
        if not self.reports.error:
            self.launcher.send({**self.launch.plan, "join": list(doors)})

    def _admit(self, pid: int) -> None:
        """Put a process into the run's control group."""
        try:
            if self.group:
                self.group.add(pid)
        except ProcessLookupError:
            pass  # it is dead already, and has reported why
        except OSError as error:
            self.reports.error = f"the run cannot be put into its control group: {error}"

    def members(self) -> list[int]:
        """Return the tree's processes, without the launcher's and the namespace's first one.

        None are returned before the launcher has reported its own: the command may be quicker.
        """
        if self.launch.namespace:
            if not self.reports.child:
                return []
            return meter.descendants(self.reports.child, inclusive=False)
        if self.launch.subreaper and not self.reports.inner:
            return []
        pids = meter.descendants(self.process.pid, inclusive=not self.launch.subreaper)
        return [pid for pid in pids if pid != self.reports.inner]

    # ---------------------------------------------------------------- the pipes

    @property
    def may_go_on(self) -> bool:
        """Whether neither the harness nor the launcher has met an error that ends the tree."""
        return self.reports.error is None and self.fault is None

    def read(self, descriptor: int) -> bool:
        """Take one chunk of output or status; return False at its end."""
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return True
        if descriptor == self.status:
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
        else:
            self._log(chunk)
        return bool(chunk)

    def _log(self, output: bytes) -> None:
        room = self.spec.limits.output_bytes - self.written
        kept = output[:room]
        if self.fault is None:
            try:
                self.log.write(kept)
            except SandboxFault as fault:
                self.fault = fault
        self.written += len(kept)
        if len(output) > room:
            self.overflowed = True

    def _note(self, message: dict[str, Any]) -> None:
        self.reports.add(message)
        if "child-pid" not in message or self.first is not None:
            return
        self.reports.child = int(message["child-pid"])
        with suppress(ProcessLookupError):
            self.first = os.pidfd_open(self.reports.child)
        self._admit(self.reports.child)
        if not self.reports.error:
            self.launcher.go()

    # ---------------------------------------------------------------- the death

    def kill(self) -> None:
        """Kill every process of the tree and wait until the kernel has none left.

        Raise SandboxFault if one cannot be killed.
        """
        if self.dead:
            return
        if self.first is None and self.launch.namespace and self.process.poll() is None:
            self._look_for_first()
        deadline = time.monotonic() + DEATH_SECONDS
        if self.first is not None:
            self._kill_first(self.first)
        if self.launch.subreaper:
            self._end_subreaper()
        if self.launch.sweep:
            self._sweep(self.launch.sweep, deadline)
        if self.launch.namespace and self.first is None:
            # A bubblewrap that died early leaves a child that waits for it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.dead = True
        self.vram.wait_until_released()

    def _look_for_first(self) -> None:
        """Read the reports that have come, until one names the namespace's first process."""
        while select_readable([self.status], 0) and self.read(self.status):
            if self.first is not None:
                return

    def _kill_first(self, first: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(first, signal.SIGKILL)
        if not select_readable([first], DEATH_SECONDS):
            raise SandboxFault(
                f"process {self.reports.child} of a sandbox cannot be killed:"
                " it hangs in the kernel"
            )
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)

    def _end_subreaper(self) -> None:
        """Tell the launcher to kill its tree, and wait until it and the tree have ended.

        It ends when it has no child left; if it was killed, its inner process does the same.
        """
        self.process.terminate()
        deadline = time.monotonic() + DEATH_SECONDS
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(DEATH_SECONDS)
        while select_readable([self.status], deadline - time.monotonic()):
            if not self.read(self.status):
                return
        raise SandboxFault("processes of a sandbox cannot be killed: they hang in the kernel")

    def _sweep(self, sweep: Callable[[int], int], deadline: float) -> None:
        while sweep(self.process.pid):
            if time.monotonic() > deadline:
                raise SandboxFault("processes of an unsandboxed run cannot be killed")
            self.process.poll()
            time.sleep(0.002)


def select_readable(descriptors: list[int], seconds: float) -> list[int]:
    """Return those that can be read, or are at their end, within `seconds`.

    By poll, because select stops at descriptor 1024.
    """
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in waiting.poll(max(0.0, seconds) * 1000)]
