"""The node's side of a place: proves its sandbox, keeps files, and runs what is ordered."""

import os
import platform
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import SandboxFault
from agent.evaluate.bench import Bench
from agent.evaluate.cluster.cache import Cache, usual_root
from agent.evaluate.cluster.cores import claim
from agent.evaluate.cluster.localised import localised, to_send
from agent.evaluate.cluster.packages import packages_of
from agent.evaluate.cluster.running import Running
from agent.evaluate.cluster.software import software, speed
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import (
    Absent,
    Begin,
    Empty,
    Follow,
    Hashes,
    Needs,
    Paths,
    Pieces,
    Reply,
    Setup,
    Standing,
    Ticket,
)
from agent.evaluate.machine import machine_name, total_memory
from agent.evaluate.slots import make_slots, this_machine
from sandbox.ground.devices import for_one_process
from sandbox.ground.fault import Fault
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.record import Record
from sandbox.ground.text import one_line
from sandbox.score.evaluator.evaluation import Split
from sandbox.tiers.choose import Chosen, choose_runner

SCRATCH = "AUTORESEARCH_SCRATCH"
"""The variable of a node that names its scratch space; default: where temporary files go."""
LEAST_FREE_BYTES = 1 << 30
WATCH_SECONDS = 1.0
READ_SECONDS = 10.0
"""How long a question waits for what is read here; then it is asked again."""
CLOSE_SECONDS = 30.0
"""How long the end of this process waits for trainings that no signal ends."""
LEAVE_SECONDS = 5.0
"""How long a closed place lives on, so that its last answer arrives."""
CLOSED = "this place is closed"
NO_ROOT = (
    "tier C shares the user's uid here, so a training could connect to the cluster's own sockets: "
    "it is refused on a node"
)

Answer = tuple[str, list[bytes]]


class Station:
    """A place on its node. `ask` calls its other methods by name."""

    def __init__(
        self,
        scratch: Path | None = None,
        says: Mapping[str, object] | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        """Make a place that is not set up yet.

        scratch: the node's scratch space, by default as SCRATCH says. says: fields of its Standing
        that only the door knows. leave: ends this process; called when the driver is silent, and
        after a close, since the driver's own signal to the process may be lost.
        """
        self._scratch = scratch or Path(os.environ.get(SCRATCH) or tempfile.gettempdir())
        self._leave = leave
        self._says = says or {}
        self._stack = ExitStack()
        self._runs: dict[str, Running] = {}
        self._heard = time.monotonic()
        self._asked = 0
        self._patience = float("inf")
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._is_watched = False
        # Held by a question that may come again before it is answered.
        self._preparing = threading.Lock()
        self._standing: Standing | None = None
        self._needs: Needs | None = None
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._stack.callback(self._reading.shutdown, wait=False)
        self._comparing: dict[str, Future[tuple[str, ...]]] = {}

    def ask(self, name: str, question: str, blobs: Sequence[bytes] = ()) -> Answer:
        """Answer a question. Exceptions become answers."""
        with self._lock:
            self._asked += 1
        try:
            return self._answer(name, question, blobs)
        except Fault as fault:
            message = fault.message[:10_000]
            reply = Reply(fault=message, next_command=(fault.next_command or "")[:1_000])
        except BaseException as error:
            reply = Reply(fault=one_line(f"{type(error).__name__}: {error}"))
        finally:
            with self._lock:
                self._asked -= 1
                self._heard = time.monotonic()
        return reply.model_dump_json(), []

    def _answer(self, name: str, question: str, blobs: Sequence[bytes]) -> Answer:
        method, asks = QUESTIONS[name]
        answer: Record | tuple[Record, list[bytes]]
        answer = method(self, asks.model_validate_json(question), *blobs)
        record, pieces = answer if isinstance(answer, tuple) else (answer, [])
        return Reply(body=record.model_dump_json()).model_dump_json(), pieces

    # ------------------------------------------------------------ questions

    def prove(self, setup: Setup) -> Standing:
        """Prove the sandbox; return a description of this place; once, however often it is asked.

        Raise SandboxFault if unfit.
        """
        with self._preparing:
            if self._standing is None:
                self._standing = self._stands(setup)
            return self._standing

    def _stands(self, setup: Setup) -> Standing:
        self._patience = setup.patience
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._watch, name="watch-driver", daemon=True).start()
        here = software()
        if here != setup.version:
            message = f"version {here} is not that of the driver, {setup.version}"
            raise SandboxFault(message, "pip install autoresearch   # the same on every node")
        os.umask(0o022)
        self._cache = Cache(usual_root(self._scratch))
        free = _free_bytes(self._cache.root)
        if free < LEAST_FREE_BYTES:
            message = f"{self._cache.root} has {free >> 20} MiB left, too little for a trial"
            raise SandboxFault(message, f"df -h {quote(str(self._scratch))}")
        place = temporary_folder("place", self._cache.root, passed=True)
        self._folder = self._stack.enter_context(place)
        cpus, gpus = this_machine()
        cpus = claim(cpus, setup.cores, self._cache.root, self._stack)
        self._workers = max(1, setup.slots or len(gpus))
        slots = make_slots(self._workers, cpus, gpus)
        python = setup.python or sys.executable
        self._chosen = self._proven(setup, python)
        return Standing.model_validate(
            {
                "version": here,
                "python": f"{platform.python_version()} {python}"[:300],
                "host": socket.gethostname()[:300],
                "machine": machine_name(),
                "device": gpus[0].model if gpus else "",
                "gpus": gpus,
                "cores": len(cpus),
                "memory_bytes": total_memory(),
                "scratch": str(self._cache.root)[:300],
                "free_bytes": free,
                "tier": self._chosen.tier,
                "clock": time.time(),
                "speed": speed(),
                "packages": packages_of(python),
                "slots": slots,
                **self._says,
            }
        )

    def _proven(self, setup: Setup, python: str) -> Chosen:
        """Return the sandbox of this node after a proof in the place's folder."""
        if not Path(python).exists():
            message = f"there is no {python} here, the interpreter of the trainings"
            raise SandboxFault(message, f"ls -l {quote(python)}   # the same path on every node")
        gpus = for_one_process(this_machine()[1])
        chosen = choose_runner(setup.unsafe, setup.imports, gpus, self._folder, python)
        if chosen.tier == "C" and os.geteuid() != 0:
            raise SandboxFault(NO_ROOT, "sudo apt-get install bubblewrap")
        return chosen

    def plan(self, needs: Needs) -> Empty:
        """Store what all trials of the run need. Its files must have been sent before."""
        with self._preparing:
            if self._needs is None:
                self._needs = localised(needs, self._cache, self._folder, self._workers)
        return Empty()

    def absent(self, asked: Paths) -> Absent:
        """Return which of these paths the driver has to send, or `more` while they are read.

        A large data set takes minutes to read, and a node that is silent for long counts as dead.
        """
        question = asked.model_dump_json()
        with self._lock:
            if question not in self._comparing:
                self._comparing[question] = self._reading.submit(
                    to_send, asked.digests, asked.hidden, asked.checkout
                )
            comparing = self._comparing[question]
        wait((comparing,), READ_SECONDS)
        return Absent(paths=comparing.result()) if comparing.done() else Absent(more=True)

    def missing(self, asked: Hashes) -> Hashes:
        """Return which of these files are missing."""
        return Hashes(hashes=tuple(self._cache.missing(asked.hashes)))

    def put(self, sent: Pieces, *contents: bytes) -> Empty:
        """Store pieces of files."""
        try:
            for piece, content in zip(sent.pieces, contents, strict=True):
                self._cache.put(piece.sha, piece.offset, content, piece.size)
        except OSError as error:
            message = f"cannot write to {self._cache.root}: {error.strerror}"
            raise SandboxFault(message, f"df -h {quote(str(self._scratch))}") from None
        return Empty()

    def begin(self, begin: Begin) -> Empty:
        """Start a run, unless it was started before."""
        with self._lock:
            if begin.ticket in self._runs:
                return Empty()
            if self._closed.is_set():
                raise SandboxFault(CLOSED, "autoresearch resume")
            bench, folder = self._bench(begin)
            self._runs[begin.ticket] = Running(bench, begin.assignment, folder)
        return Empty()

    def follow(self, asked: Follow) -> tuple[Record, list[bytes]]:
        """Return news of a run, which is forgotten once its end was told."""
        running = self._runs.get(asked.ticket)
        if running is None:
            raise SandboxFault("a run is not known here", "autoresearch resume")
        return running.news(asked)

    def forget(self, asked: Ticket) -> Empty:
        """Remove a run whose end the driver has received, with its logs."""
        running = self._runs.pop(asked.ticket, None)
        if running is not None:
            running.clear()
        return Empty()

    def cancel(self, asked: Ticket) -> Empty:
        """Cancel a run."""
        running = self._runs.get(asked.ticket)
        if running is not None:
            running.cancel()
        return Empty()

    def ping(self, _: Empty) -> Empty:
        """Return an empty answer, which shows that this place is alive."""
        return Empty()

    def close(self, _: Empty) -> Empty:
        """End all runs, and remove their files; the cache stays. No run begins any more."""
        with self._lock:
            self._closed.set()
            runs = [*self._runs.values()]
        try:
            for running in runs:
                running.cancel()
            deadline = time.monotonic() + CLOSE_SECONDS
            for running in runs:
                running.join(max(0.0, deadline - time.monotonic()))
            self._stack.close()
        finally:
            self._ended.set()
        return Empty()

    # ------------------------------------------------------------ what a run is given

    def _bench(self, begin: Begin) -> tuple[Bench, Path]:
        """Return the bench of one run, and the folder of its logs."""
        needs = self._needs
        if needs is None:
            raise SandboxFault("a run began before its plan came", "autoresearch resume")
        if needs.plan.data:
            self._cache.keep(Path(needs.plan.data))
        slot = begin.assignment.slot
        home = self._folder / begin.ticket
        home.mkdir(mode=0o755)
        whole = [self._whole(begin.whole)] if begin.whole else []

        def export(_: str, folder: Path) -> None:
            self._cache.make(begin.files, folder)

        bench = Bench(needs.plan, self._chosen.runner, (slot,), home, export, *whole)
        return bench, home / f"{begin.assignment.attempt.number:04d}"

    def _whole(self, tree: Tree) -> Callable[[Path, Split], None]:
        def export(folder: Path, _: Split) -> None:
            self._cache.make(tree, folder)

        return export

    # ------------------------------------------------------------ a driver that is gone

    def _watch(self) -> None:
        """End the place after a long silence of the driver, and this process after any close."""
        try:
            while not self._closed.wait(WATCH_SECONDS):
                with self._lock:
                    silent = 0.0 if self._asked else time.monotonic() - self._heard
                if silent > self._patience:
                    self.close(Empty())
                    return
            self._ended.wait(2 * CLOSE_SECONDS)
            time.sleep(LEAVE_SECONDS)
        finally:
            if self._leave is not None:
                self._leave()


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


QUESTIONS: dict[str, tuple[Callable[..., Any], type[Record]]] = {
    "prove": (Station.prove, Setup),
    "absent": (Station.absent, Paths),
    "plan": (Station.plan, Needs),
    "missing": (Station.missing, Hashes),
    "put": (Station.put, Pieces),
    "begin": (Station.begin, Begin),
    "follow": (Station.follow, Follow),
    "forget": (Station.forget, Ticket),
    "cancel": (Station.cancel, Ticket),
    "ping": (Station.ping, Empty),
    "close": (Station.close, Empty),
}
"""What a driver may ask a place, and in which form."""
