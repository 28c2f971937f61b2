"""Holds a launched process tree to its limits, on the harness's clock, until none of it is left; shared by every back end."""

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from sandbox.ground.fault import SandboxFault
from sandbox.ground.log import Log
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    Dialogue,
    Finished,
    LimitExceeded,
    Outcome,
    OutOfMemory,
    RunSpec,
    TimedOut,
    Usage,
)
from sandbox.limits import cgroup, evidence, meter
from sandbox.limits.disk import Disk, folder_use
from sandbox.limits.meter import TICK, Memory, Meter
from sandbox.limits.vram import Vram
from sandbox.walls.launcher import Launcher
from sandbox.walls.segments import Segments

CHUNK = 1 << 16
CORES_TICK = 1.0
DEATH_SECONDS = 20.0
"""How long a killed tree may take to vanish; a process in an uninterruptible wait cannot be killed at all."""
FAREWELL_SECONDS = 2.0
"""How long a command may run on after its dialogue has ended well."""

Reason = Literal["wall", "memory", "vram", "disk", "output", "cores", "cancel", "dialogue"]


@dataclass(frozen=True)
class Launch:
    """A way to start the launcher, with or without a dialogue, and its plan.

    namespace: whether the tree has a first process of its own, whose death is everybody's; a launcher that is a subreaper (see
    the plan) kills its tree itself; otherwise `sweep(pid)` kills the tree of `pid` and returns how many were left. segments: of
    a run that shares /dev/shm. counts_cores: whether it could take cores that are not its own, and is watched for it.
    """

    start: Callable[[bool], Launcher]
    plan: dict[str, Any]
    namespace: bool
    sweep: Callable[[int], int] | None = None
    segments: Segments | None = None
    counts_cores: bool = False

    @property
    def subreaper(self) -> bool:
        return bool(self.plan["supervise"] == "subreaper")


def run(launch: Launch, spec: RunSpec, cancel: threading.Event) -> Outcome:
    """The Runner protocol's `run` for a launch."""
    with _Tree(launch, spec, cancel, talking=False) as tree:
        tree.watch()
        return tree.outcome()


def converse(launch: Launch, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
    """The Runner protocol's `converse`. The dialogue runs here, the watch in a thread of its own.

    EOFError and OSError out of a dialogue whose command has died or been killed are consequences: the outcome tells the cause.
    """
    with _Tree(launch, spec, cancel, talking=True) as tree, ThreadPoolExecutor(1) as pool:
        watch = pool.submit(tree.watch)
        stdin, stdout = tree.process.stdin, tree.process.stdout
        assert stdin is not None and stdout is not None
        failure: BaseException | None = None
        try:
            dialogue(stdin, stdout)  # type: ignore[arg-type]
        except (EOFError, OSError) as error:
            failure = None if tree.ended.wait(TICK * 4) else error
        except BaseException as error:
            failure = error
        with suppress(OSError):
            stdin.close()
        if failure is None:
            tree.ended.wait(FAREWELL_SECONDS)
        tree.dismissed.set()
        watch.result()
        if failure is not None:
            raise failure
        return tree.outcome()


@dataclass
class _Tree:
    """One running process tree and everything that is known of it. A context manager: on leaving, the tree is dead."""

    launch: Launch
    spec: RunSpec
    cancel: threading.Event
    talking: bool
    reason: Reason | None = None
    seconds: float = 0.0
    written: int = 0
    unfinished: bytes = b""
    ready: bool = False
    dead: bool = False
    error: str | None = None
    fault: SandboxFault | None = None
    """What the harness itself could not do while the tree lived; it ends the tree."""
    exit_code: int | None = None
    signal: int | None = None
    first: int | None = None
    """The namespace's first process, as a pidfd."""
    first_pid: int = 0
    inner: int = 0
    """The second process of a launcher that is a subreaper."""
    resources: ExitStack = field(default_factory=ExitStack)
    """What is given back once the tree is dead."""
    ended: threading.Event = field(default_factory=threading.Event)
    dismissed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.resources.close()  # a launcher that was not sent its plan ends of that
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
        self.group = self.resources.enter_context(
            cgroup.group(spec.limits)
        )  # after the start: bubblewrap is at work meanwhile
        self.process = self.launcher.process
        output = self.process.stderr if self.talking else self.process.stdout
        assert output is not None
        self.output, self.status = output.fileno(), self.launcher.status
        self.pidfd = os.pidfd_open(self.process.pid) if hasattr(os, "pidfd_open") else None
        segments = self.launch.segments.held if self.launch.segments else lambda _: 0
        limit = spec.limits.memory_bytes
        memory = Memory(spec.scratch, limit, self.members, self.launch.namespace, segments)
        self.memory = Meter(memory.read)
        self.disk_use = Disk(spec.scratch, spec.limits.disk_bytes, self.members)
        self.gpu_memory = Meter(self.vram.held)
        self.foreign_cores = Meter(self._foreign_cores, least=CORES_TICK)
        self.disk = Meter(self.disk_use.read, urgent=self.disk_use.urgent)
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

    def _send_plan(self) -> None:
        """And see to the run's control groups, which takes as long as building walls does, and is done meanwhile.

        A namespace's first process is put there once it is known. A subreaper leaves it to its child, because it must be able to
        fork when they are full.
        """
        doors = self.group.doors if self.group and self.launch.subreaper else ()
        if not (self.launch.namespace or self.launch.subreaper):
            self._admit(self.process.pid)
        if not self.error:
            self.launcher.send({**self.launch.plan, "join": list(doors)})

    def _admit(self, pid: int) -> None:
        try:
            if self.group:
                self.group.add(pid)
        except ProcessLookupError:
            pass  # it is dead already, and has said why
        except OSError as error:
            self.error = f"the run cannot be put into its control group: {error}"

    def members(self) -> list[int]:
        """The pids of the tree, without the launcher and the namespace's first process."""
        if self.launch.namespace:
            return meter.descendants(self.first_pid, inclusive=False) if self.first_pid else []
        pids = meter.descendants(self.process.pid, inclusive=not self.launch.subreaper)
        return [pid for pid in pids if pid != self.inner]

    def _foreign_cores(self) -> int:
        """How many cores the tree may use that are not the run's; only a run without a filter can have any."""
        given = set(self.spec.cpus)
        if not given or not self.launch.counts_cores or not self.ready:
            return 0
        return len(meter.cores(self.members()) - given)

    def watch(self) -> None:
        """Until the tree has ended or must: log, look at the limits, then kill whatever is left and read the last words."""
        try:
            open_descriptors = [self.status, self.output]
            while self._may_go_on() and self.process.poll() is None:
                waiting = [*open_descriptors, *([] if self.pidfd is None else [self.pidfd])]
                readable = select_readable(waiting, TICK)
                for descriptor in set(readable) & set(open_descriptors):
                    if not self._read(descriptor):
                        open_descriptors.remove(descriptor)
                self.reason = self.reason or self._limit_passed()
        except SandboxFault as fault:
            self.fault = self.fault or fault
        finally:
            self.seconds = time.monotonic() - self.started
            self.kill()
            self._drain()
            self.ended.set()

    def _may_go_on(self) -> bool:
        return self.reason is None and self.error is None and self.fault is None

    def _limit_passed(self) -> Reason | None:
        now = time.monotonic()
        limits = self.spec.limits
        if self.cancel.is_set():
            return "cancel"
        if now - self.started > limits.wall_seconds:
            return "wall"
        if self.dismissed.is_set():
            return "dialogue"
        if self.memory.over(limits.memory_bytes, now) or (self.group and self.group.kills()):
            return "memory"
        if self.spec.gpus and self.gpu_memory.over(limits.vram_bytes, now):
            return "vram"
        if self.disk.over(limits.disk_bytes, now):
            return "disk"
        self.disk_use.check_floor()
        if self.foreign_cores.over(0, now):
            return "cores"
        return None

    def _read(self, descriptor: int) -> bool:
        """Take one chunk of output or status; False at its end."""
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return True
        if descriptor == self.status:
            *lines, self.unfinished = (self.unfinished + chunk).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
            return bool(chunk)
        room = self.spec.limits.output_bytes - self.written
        self._keep(chunk[:room])
        self.written += min(len(chunk), room)
        if len(chunk) > room:
            self.reason = self.reason or "output"
        return bool(chunk)

    def _keep(self, output: bytes) -> None:
        if self.fault is None:
            try:
                self.log.write(output)
            except SandboxFault as fault:
                self.fault = fault

    def _note(self, message: dict[str, Any]) -> None:
        self.ready = self.ready or "ready" in message
        self.error = message.get("error", self.error)
        self.signal = message.get("signal", self.signal)
        self.inner = message.get("inner", self.inner)
        self.exit_code = message.get("exited", self.exit_code)
        if "child-pid" in message and self.first is None:
            self.first_pid = int(message["child-pid"])
            with suppress(ProcessLookupError):
                self.first = os.pidfd_open(self.first_pid)
            self._admit(self.first_pid)
            if not self.error:
                self.launcher.go()

    def _drain(self) -> None:
        """Read what is left in the pipes of a dead tree."""
        for descriptor in (self.status, self.output):
            while select_readable([descriptor], 0) and self._read(descriptor):
                if self.reason == "output":
                    break

    def kill(self) -> None:
        """Kill every process of the tree and wait until the kernel has none left; SandboxFault if one cannot be killed."""
        if self.dead:
            return
        if self.first is None and self.launch.namespace and self.process.poll() is None:
            while (
                select_readable([self.status], 0) and self._read(self.status) and self.first is None
            ):
                pass
        deadline = time.monotonic() + DEATH_SECONDS
        if self.first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.first, signal.SIGKILL)
            if not select_readable([self.first], DEATH_SECONDS):
                raise SandboxFault(
                    f"process {self.first_pid} of a sandbox cannot be killed: it hangs in the kernel"
                )
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1.0)
        if self.launch.subreaper:
            self._end_subreaper()
        sweep = self.launch.sweep
        while sweep and sweep(self.process.pid):
            if time.monotonic() > deadline:
                raise SandboxFault("processes of an unsandboxed run cannot be killed")
            self.process.poll()
            time.sleep(0.002)
        if self.launch.namespace and self.first is None:
            with suppress(
                ProcessLookupError, PermissionError
            ):  # a bubblewrap that died early leaves a child that waits for it
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.dead = True
        self.vram.wait_until_released()

    def _end_subreaper(self) -> None:
        """It kills its tree when told to end, and ends when it has no child left; if it was killed, its inner process does so."""
        self.process.terminate()
        deadline = time.monotonic() + DEATH_SECONDS
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(DEATH_SECONDS)
        while select_readable([self.status], deadline - time.monotonic()):
            if not self._read(self.status):
                return
        raise SandboxFault("processes of a sandbox cannot be killed: they hang in the kernel")

    def outcome(self) -> Outcome:
        """What the dead tree's life amounted to; SandboxFault where it never became the command, or the harness failed."""
        if self.fault:
            raise self.fault
        capped = self.group.kills() if self.group else 0
        # What is summed up over processes that start and end meanwhile may count a page twice; the kernel counts it once.
        peak = (self.group.peak() if self.group and capped else 0) or self.memory.peak
        usage = Usage(
            seconds=self.seconds, peak_memory_bytes=peak or None, output_bytes=self.written
        )
        if self.reason == "cancel":
            return Cancelled(usage=usage)
        if self.error or not (self.ready or self.reason):
            raise SandboxFault(
                f"the sandbox could not be built: {self.error or self._last_words()}"
            )
        if self.reason == "wall":
            return TimedOut(usage=usage)
        if capped:
            return OutOfMemory(
                usage=usage,
                evidence=f"killed at {self.spec.limits.memory_bytes} bytes by its control group",
            )
        if self.reason == "memory":
            return OutOfMemory(
                usage=usage, evidence=f"killed at {peak} bytes of {self.spec.limits.memory_bytes}"
            )
        if self.reason == "vram":
            found = f"killed at {self.gpu_memory.peak} bytes of {self.spec.limits.vram_bytes} on its GPU"
            return OutOfMemory(usage=usage, evidence=found)
        if self.reason in ("output", "cores"):
            return LimitExceeded(usage=usage, limit=self.reason)
        if (
            self.reason == "disk"
            or folder_use(self.spec.scratch, self.spec.limits.disk_bytes)
            > self.spec.limits.disk_bytes
        ):
            return LimitExceeded(usage=usage, limit="disk")
        if self.reason == "dialogue":
            return Finished(usage=usage)
        code, number = self._exit()
        if code == 0:
            return Finished(usage=usage)
        proof = evidence.out_of_memory(self.spec.log, number, self.kernel_kills)
        if proof:
            return OutOfMemory(usage=usage, evidence=proof)
        return Crashed(usage=usage, exit_code=code, signal=number)

    def _exit(self) -> tuple[int | None, int | None]:
        """(exit code, signal) of the command, one of them None."""
        if self.signal is not None:
            return None, self.signal
        if self.exit_code is not None:
            return self.exit_code, None
        code = self.process.returncode
        if self.launch.namespace or self.launch.subreaper:  # what was to tell was killed
            return None, int(signal.SIGKILL)
        return (code, None) if code >= 0 else (None, -code)

    def _last_words(self) -> str:
        tail = Path(self.spec.log).read_bytes()[-400:].decode(errors="replace").strip()
        return ascii(tail) if tail else f"the launcher ended with status {self.process.returncode}"


def select_readable(descriptors: list[int], seconds: float) -> list[int]:
    """Those that can be read (or are at their end) within `seconds`; poll, because select stops at descriptor 1024."""
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in waiting.poll(max(0.0, seconds) * 1000)]
