"""The loop: propose, commit, train, judge, record. A generator of events; displays only listen.

One worker or many, it is the same loop: trials train in slots, and the next proposal is written
meanwhile (agent/run/workers.py). Only the generator's own thread touches the ledger.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterator

from agent.errors import ModelFault, MoneySpent, NoneLeft, ProjectFault
from agent.evaluate.bench import Measures
from agent.propose import Proposer, Unreadable
from agent.records.edits import Refused
from agent.records.events import Event, Judged, Note, Proposed, Proposing, RunFinished
from agent.records.proposals import Proposal
from agent.records.results import FAILED, Attempt, Trial
from agent.records.spending import spending_of
from agent.run.bounds import Bounds, Meter
from agent.run.ledger import Ledger, Settled
from agent.run.workers import Drafted, DraftFailed, Message, Trained, TrainingFailed, Workers

# A method that is refused this often in a row has run out of proposals; going on would only spend
# tokens.
MAX_REFUSALS_IN_A_ROW = 10


class Loop:
    """One session of work on one run. `stop` and `abort` may be called from a signal handler.

    only_new: leave attempts in flight to a later resume.
    """

    def __init__(
        self,
        ledger: Ledger,
        bench: Measures,
        proposer: Proposer,
        bounds: Bounds,
        cancel: threading.Event,
        only_new: bool = False,
    ) -> None:
        self._ledger = ledger
        self._proposer = proposer
        self._meter = Meter(bounds)
        self._cancel = cancel
        self._workers = Workers(bench, proposer, cancel)
        in_flight = () if only_new else ledger.history.in_flight
        self._waiting = deque(a for a in in_flight if a.proposal.by.origin != "baseline")
        self._staged: deque[Proposal] = deque()
        self._refusals = 0
        self._ending: str | None = None
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """Finish the trials in training, start no more."""
        self._end("stopping after the trials in training")

    def abort(self) -> None:
        """Kill the trials in training; they stay in flight and run again on resume."""
        self._cancel.set()
        self._end("stopping at once; the trials in training run again on resume")

    def tell(self, text: str) -> None:
        """Let the listeners know of something; may be called from any thread."""
        self._workers.tell(Note(text))

    def events(self) -> Generator[Event]:
        """Work until a bound, a stop or a fault.

        A fault is raised once every thread is at rest and all results are recorded.
        """
        with self._workers as workers:
            while True:
                yield from self._start_ready()
                yield from self._ask_ahead()
                if not workers.running and (self._ending or not workers.is_drafting):
                    break
                yield from self._handle(workers.receive())
            self._keep_for_resume()
        if self._fault:
            raise self._fault
        yield RunFinished(self._over() or "nothing left to do")

    # ------------------------------------------------------------ starting

    def _start_ready(self) -> Iterator[Event]:
        """Fill the free slots: baseline first, then what a killed run left, then new proposals."""
        workers = self._workers
        if self._ledger.needs_baseline:
            if not workers.running and not self._ending:
                yield from self._advance(self._ledger.begin_baseline())
            return
        while workers.free and not self._over(len(workers.running)):
            if self._waiting:
                yield from self._advance(self._waiting.popleft())
            elif self._staged:
                yield from self._begin(self._staged.popleft())
            else:
                return

    def _begin(self, proposal: Proposal) -> Iterator[Event]:
        begun = self._ledger.begin(proposal)
        if isinstance(begun, Trial):
            yield from self._refused(begun)
        else:
            yield from self._advance(begun)

    def _advance(self, attempt: Attempt) -> Iterator[Event]:
        """Start the run that `attempt` needs next, or report its verdict."""
        order = self._ledger.next(attempt)
        if isinstance(order, Settled):
            yield from self._settled(order)
        elif not self._cancel.is_set():
            slot = self._workers.take_slot()
            self._workers.train(self._ledger.assignment(attempt, order, slot))

    def _ask_ahead(self) -> Iterator[Event]:
        """Keep a proposal in stock for each free slot, and one more where proposing takes long."""
        workers = self._workers
        looks_ahead = self._proposer.looks_ahead
        if workers.is_drafting or (self._ledger.needs_baseline and not looks_ahead):
            return
        ready = len(self._staged) + len(self._waiting)
        wanted = len(workers.free) + (1 if looks_ahead else 0)
        if ready >= wanted or self._over(len(workers.running) + ready):
            return
        under_way = len(workers.running) + len(self._staged)
        remaining, dollars = self._meter.left(under_way, self._cost())
        workers.draft(self._ledger.context(self._pending(), remaining, dollars))
        yield Proposing(self._proposer.name)

    # ------------------------------------------------------------ handling

    def _handle(self, message: Message) -> Iterator[Event]:
        match message:
            case Drafted(proposal):
                yield from self._stage(proposal)
            case Trained(attempt, _, order, result):
                if result is not None:
                    self._ledger.record(attempt, order, result)
                    yield from self._advance(attempt)
            case DraftFailed((MoneySpent() | NoneLeft()) as over):
                self._end(over.message)
            case DraftFailed(error):
                if not self._cancel.is_set():  # a question that was called off is no fault
                    self._break(error)
            case TrainingFailed(_, error):
                self._cancel.set()
                self._break(error)
            case _:
                yield message

    def _stage(self, proposal: Proposal | Unreadable) -> Iterator[Event]:
        """Put an admitted proposal in stock, or record its refusal."""
        if isinstance(proposal, Unreadable):
            yield from self._refused(self._ledger.refuse(proposal, proposal.reason))
            return
        admitted = self._ledger.admit(proposal)
        if isinstance(admitted, Refused):
            yield from self._refused(self._ledger.refuse(proposal, admitted))
            return
        self._refusals = 0
        self._staged.append(proposal)
        yield Proposed(proposal)

    def _refused(self, trial: Trial) -> Iterator[Event]:
        yield Judged(trial)
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS_IN_A_ROW:
            times = f"{self._proposer.name} was refused {self._refusals} times in a row"
            message = f"{times}; the last time: {trial.reason}"
            self._break(ModelFault(message, f"autoresearch show {trial.number}"))

    def _settled(self, settled: Settled) -> Iterator[Event]:
        trial = settled.trial
        yield Judged(trial)
        if trial.proposal.by.origin == "baseline":
            yield from self._baseline_settled(trial)
        elif trial.result is not None:
            self._meter.measured += 1
        if settled.replay:
            self._staged.appendleft(settled.replay)
            why = "improved on an older state" if trial.result else "was proposed on other data"
            yield Note(f"#{trial.number} {why}; it will be tried again on the newest one")

    def _baseline_settled(self, trial: Trial) -> Iterator[Event]:
        if trial.status in FAILED:
            message = f"train.py fails as it is ({trial.status}): {trial.reason}"
            self._break(ProjectFault(message, f"autoresearch show {trial.number}"))
            return
        advice = self._ledger.advice(trial)
        if advice:
            yield Note(advice)

    # ------------------------------------------------------------ bounds and ending

    def _pending(self) -> tuple[Proposal, ...]:
        """Return the proposals that have no verdict yet."""
        begun = (*self._workers.running.values(), *self._waiting)
        return (*(attempt.proposal for attempt in begun), *self._staged)

    def _over(self, under_way: int = 0) -> str | None:
        """Return why nothing more is started, with `under_way` trials counted as measured."""
        return self._ending or self._meter.over(under_way, self._cost())

    def _cost(self) -> float:
        """Return the dollars spent on proposals so far, those without a verdict included."""
        judged = [trial.proposal for trial in self._ledger.history.trials]
        return spending_of([*judged, *self._pending()]).dollars

    def _end(self, reason: str) -> None:
        self._ending = reason
        self._workers.tell(Note(reason))

    def _break(self, error: BaseException) -> None:
        """Let what trains come to its end, then raise `error`."""
        self._fault = self._fault or error
        self._end(str(error) or type(error).__name__)

    def _keep_for_resume(self) -> None:
        """Commit proposals that were paid for and not trained: resume begins with them."""
        while self._staged and not self._ledger.needs_baseline:
            self._ledger.begin(self._staged.popleft())
