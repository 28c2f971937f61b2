"""The threads that train, one for each run, and the inbox of a session.

Whatever they and the writers (agent/run/writers.py) report comes through one inbox, read by the
loop's own thread, so that nothing else touches the ledger.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.probe import Probe, Probed
from agent.records.events import Event
from agent.records.guards import Checks
from agent.records.results import Result
from agent.records.slots import Slot
from agent.run.fleet import Fleet
from agent.run.probing import NotProbed, Probes, Waiting
from agent.run.writers import Drafted, DraftFailed


@dataclass(frozen=True)
class Trained:
    """A training has ended; without a result where it was cancelled."""

    run: Assignment
    result: Result | Checks | None


@dataclass(frozen=True)
class TrainingFailed:
    """Training raised an exception: a fault of the harness, never of the candidate."""

    run: Assignment
    error: BaseException


@dataclass(frozen=True)
class Lost:
    """The place of a training is gone, and what it had trained with it: nobody's fault."""

    run: Assignment
    why: str


@dataclass(frozen=True)
class ProbeEnded:
    """A probe gives its slot back; its answer is with who asked."""

    slot: Slot


Message = Event | Drafted | DraftFailed | Trained | TrainingFailed | Lost | ProbeEnded

MOST_THREADS = 4096
"""Of runs at once; a thread is made when a run needs one, so slots may come at any time."""


class _Stop(threading.Event):
    """Set when its own training is to end, or every one."""

    def __init__(self, cancel: threading.Event) -> None:
        super().__init__()
        self._cancel = cancel

    def is_set(self) -> bool:
        return super().is_set() or self._cancel.is_set()


class Workers:
    """A context manager whose threads train attempts, until all are at rest."""

    def __init__(self, bench: Measures, cancel: threading.Event, fleet: Fleet) -> None:
        self._bench = bench
        self._fleet = fleet
        self._cancel = cancel
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stops: dict[int, _Stop] = {}  # by the number of the slot
        self.is_probing = False
        """True while a probe has a slot."""
        self._trainers = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="trial")

    def __enter__(self) -> Self:
        self._bench.open(self._inbox.put, self._cancel)
        self._fleet.join(self._bench.slots)
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel.set()
        self._trainers.shutdown()
        self._bench.close()

    def train(self, assignment: Assignment) -> None:
        """Start a training in the slot that was taken for it."""
        self._fleet.begin(assignment)
        stop = _Stop(self._cancel)
        self._stops[assignment.slot.number] = stop

        def work() -> Message:
            bench = self._bench
            work_on = bench.check if assignment.order.checks else bench.run
            try:
                result = work_on(assignment, self._inbox.put, stop)
            except PlaceLost as lost:
                return Lost(assignment, lost.message)
            except BaseException as error:  # the loop raises it, once the other threads are at rest
                return TrainingFailed(assignment, error)
            return Trained(assignment, result)

        self._trainers.submit(lambda: self._inbox.put(work()))

    def end(self, number: int) -> None:
        """End the trainings of one attempt, if there are any; their messages come as ever."""
        for run in self._fleet.runs_of(number):
            self._stops[run.slot.number].set()

    def probe(self, waiting: Waiting, wanted: Probe, slot: Slot) -> None:
        """Run a probe in a slot; a fault of it is the answer, and ends no run."""
        self.is_probing = True
        bench = self._bench

        def work() -> Message:
            answer: Probed | NotProbed = NotProbed("there are no probes where trials run")
            try:
                if isinstance(bench, Probes):
                    answer = bench.probe(wanted, slot, self._cancel)
            except Exception as error:
                answer = NotProbed(str(error))
            waiting.answer.set_result(answer)
            return ProbeEnded(slot)

        self._trainers.submit(lambda: self._inbox.put(work()))

    @property
    def awaits_place(self) -> bool:
        """Whether a place may join at once: one is looked for, or is told of in the inbox."""
        return self._bench.is_seeking or not self._inbox.empty()

    def tell(self, message: Message) -> None:
        """Put a message into the inbox; may be called from any thread and a signal handler."""
        self._inbox.put(message)

    def receive(self, seconds: float) -> Message | None:
        """Wait for the next message, and keep count of what still runs; None after `seconds`."""
        try:
            message = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None
        match message:
            case Trained(run) | TrainingFailed(run):
                del self._stops[run.slot.number]
                self._fleet.end(run.slot)
            case Lost(run):
                del self._stops[run.slot.number]
                self._fleet.lose(run.slot)
            case ProbeEnded(slot):
                self.is_probing = False
                self._fleet.give_back(slot)
        return message
