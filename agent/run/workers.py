"""The threads of a session: a trainer for each run, and one that asks for proposals.

Whatever they report comes through one inbox, read by the loop's own thread, so that nothing else
touches the ledger.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.probe import Probe, Probed
from agent.propose import Context, Proposer, Unreadable
from agent.records.events import Event
from agent.records.guards import Checks
from agent.records.proposals import Proposal
from agent.records.results import Result
from agent.records.slots import Slot
from agent.run.fleet import Fleet
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
    """A context manager whose threads train attempts and draft proposals, until all are at rest."""

    def __init__(
        self, bench: Measures, proposer: Proposer, cancel: threading.Event, fleet: Fleet
    ) -> None:
        self._bench = bench
        self._fleet = fleet
        self._proposer = proposer
        self._cancel = cancel
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stops: dict[int, _Stop] = {}  # by the number of the slot
        self.is_drafting = False
        """True while the method is asked for a proposal."""
        self.is_probing = False
        """True while a probe has a slot."""
        self._trainers = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="trial")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="propose")

    def __enter__(self) -> Self:
        self._bench.open(self._inbox.put)
        self._fleet.join(self._bench.slots)
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel.set()
        self._writer.shutdown()
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

    def draft(self, context: Context) -> None:
        """Ask the method for its next proposal."""
        self.is_drafting = True

        def work() -> Message:
            try:
                return Drafted(self._proposer.propose(context))
            except BaseException as error:
                return DraftFailed(error)

        self._writer.submit(lambda: self._inbox.put(work()))

    def probe(self, waiting: Waiting, wanted: Probe, slot: Slot) -> None:
        """Run a probe in a slot; a fault of it is the answer, and ends no run."""
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
            case Trained(run) | TrainingFailed(run) | Lost(run):
                del self._stops[run.slot.number]
                self._fleet.end(run.slot)
            case ProbeEnded(slot):
                self.is_probing = False
                self._fleet.give_back(slot)
        return message
