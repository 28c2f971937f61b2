"""The threads of a session: a trainer for each slot, and one that asks for proposals.

Whatever they report comes through one inbox, read by the loop's own thread, so that nothing else
touches the ledger.
"""

import queue
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.probe import Probe, Probed
from agent.evaluate.slots import Slot
from agent.propose import Context, Proposer, Unreadable
from agent.records.events import Event
from agent.records.guards import Checks
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Order, Result
from agent.run.probing import NotProbed, Waiting


@dataclass(frozen=True)
class Drafted:
    """The method has answered."""

    proposal: Proposal | Unreadable


@dataclass(frozen=True)
class DraftFailed:
    """Asking the method raised an exception."""

    error: BaseException


@dataclass(frozen=True)
class Trained:
    """A training has ended; without a result where it was cancelled."""

    attempt: Attempt
    slot: Slot
    order: Order
    result: Result | Checks | None


@dataclass(frozen=True)
class TrainingFailed:
    """Training raised an exception: a fault of the harness, never of the candidate."""

    attempt: Attempt
    error: BaseException


@dataclass(frozen=True)
class ProbeEnded:
    """A probe has given its slot back; its answer is with who asked."""

    slot: Slot


Message = Event | Drafted | DraftFailed | Trained | TrainingFailed | ProbeEnded


class _Stop(threading.Event):
    """Set when its own training is to end, or every one."""

    def __init__(self, cancel: threading.Event) -> None:
        super().__init__()
        self._cancel = cancel

    def is_set(self) -> bool:
        return super().is_set() or self._cancel.is_set()


class Workers:
    """A context manager whose threads train attempts and draft proposals, until all are at rest."""

    def __init__(self, bench: Measures, proposer: Proposer, cancel: threading.Event) -> None:
        self._bench = bench
        self._proposer = proposer
        self._cancel = cancel
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.free = deque(bench.slots)
        """Slots in which nothing trains."""
        self.running: dict[int, Attempt] = {}
        """Attempts in training, by number."""
        self._stops: dict[int, _Stop] = {}
        self.is_drafting = False
        """True while the method is asked for a proposal."""
        self.is_probing = False
        """True while a probe has a slot."""
        self._trainers = ThreadPoolExecutor(len(bench.slots), thread_name_prefix="trial")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="propose")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel.set()
        self._writer.shutdown()
        self._trainers.shutdown()

    def take_slot(self) -> Slot:
        """Return a free slot for a training."""
        return self.free.popleft()

    def train(self, assignment: Assignment) -> None:
        """Start a training in the slot that was taken for it."""
        attempt = assignment.attempt
        self.running[attempt.number] = attempt
        stop = _Stop(self._cancel)
        self._stops[attempt.number] = stop

        def work() -> Message:
            bench = self._bench
            work_on = bench.check if assignment.order.checks else bench.run
            try:
                result = work_on(assignment, self._inbox.put, stop)
            except BaseException as error:  # the loop raises it, once the other threads are at rest
                return TrainingFailed(attempt, error)
            return Trained(attempt, assignment.slot, assignment.order, result)

        self._trainers.submit(lambda: self._inbox.put(work()))

    def end(self, number: int) -> None:
        """End the training of one attempt, if it is in training; its message comes as ever."""
        if number in self._stops:
            self._stops[number].set()

    def draft(self, context: Context) -> None:
        """Ask the method for its next proposal."""
        self.is_drafting = True

        def work() -> Message:
            try:
                return Drafted(self._proposer.propose(context))
            except BaseException as error:
                return DraftFailed(error)

        self._writer.submit(lambda: self._inbox.put(work()))

    def probe(self, waiting: Waiting, wanted: Probe) -> None:
        """Run a probe in a free slot; a fault of it is the answer, and ends no run."""
        slot = self.take_slot()
        self.is_probing = True
        run = getattr(self._bench, "probe", None)

        def work() -> Message:
            answer: Probed | NotProbed = NotProbed("there are no probes where trials run")
            try:
                if run is not None:
                    answer = run(wanted, slot, self._cancel)
            except Exception as error:
                answer = NotProbed(str(error))
            waiting.answer.set_result(answer)
            return ProbeEnded(slot)

        self._trainers.submit(lambda: self._inbox.put(work()))

    def tell(self, event: Event) -> None:
        """Put an event into the inbox; may be called from a signal handler."""
        self._inbox.put(event)

    def receive(self, seconds: float) -> Message | None:
        """Wait for the next message, and keep count of what still runs; None after `seconds`."""
        try:
            message = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None
        match message:
            case Drafted() | DraftFailed():
                self.is_drafting = False
            case Trained(attempt, slot):
                del self.running[attempt.number], self._stops[attempt.number]
                self.free.appendleft(slot)
            case TrainingFailed(attempt):
                del self.running[attempt.number], self._stops[attempt.number]
            case ProbeEnded(slot):
                self.is_probing = False
                self.free.appendleft(slot)
        return message
