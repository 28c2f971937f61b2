"""The threads that train, one for each run, and the queue of messages to the loop.

Trainings and writers (agent/run/writers.py) report through one queue, which only the loop's own
thread reads. So no other thread touches the ledger.
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
    """A run has ended. Its result is None if it was cancelled."""

    run: Assignment
    result: Result | Checks | None


@dataclass(frozen=True)
class TrainingFailed:
    """A run raised an exception: a fault of the harness, not of the candidate."""

    run: Assignment
    error: BaseException


@dataclass(frozen=True)
class Lost:
    """The place of a run is lost, and its training with it."""

    run: Assignment
    why: str


@dataclass(frozen=True)
class ProbeEnded:
    """A probe has ended and its slot is free. Its answer went to the thread that asked."""

    slot: Slot


Message = Event | Drafted | DraftFailed | Trained | TrainingFailed | Lost | ProbeEnded

MOST_THREADS = 4096
"""The most runs at once. Threads are created when runs need them."""


class _Stop(threading.Event):
    """Is set when one run, or all of them, should end."""

    def __init__(self, cancel: threading.Event) -> None:
        super().__init__()
        self._cancel = cancel

    def is_set(self) -> bool:
        return super().is_set() or self._cancel.is_set()


class Workers:
    """Runs trainings and probes in threads of its own; leaving the block waits for them."""

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
        """Start a run in the slot that was taken for it."""
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
            except BaseException as error:  # the loop raises it after the other threads have ended
                return TrainingFailed(assignment, error)
            return Trained(assignment, result)

        self._trainers.submit(lambda: self._inbox.put(work()))

    def end(self, number: int) -> None:
        """End the runs of one attempt, if there are any. Their messages still arrive."""
        for run in self._fleet.runs_of(number):
            self._stops[run.slot.number].set()

    def probe(self, waiting: Waiting, wanted: Probe, slot: Slot) -> None:
        """Run a probe in a slot. A fault becomes its answer and does not end the session."""
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
        """Send a message to the loop. May be called from any thread and from signal handlers."""
        self._inbox.put(message)

    def receive(self, seconds: float) -> Message | None:
        """Return the next message, or None after `seconds`. Free the slot of a run that ended."""
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
