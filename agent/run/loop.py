"""The loop: propose, commit, train, judge, record. A generator of events; one worker or many, it is the same loop.

Trials train in slots, a thread and a sandboxed process each; the next proposal is written meanwhile in a thread of its
own. What those threads have to say comes through one inbox, and only the generator's own thread touches the ledger.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agent.errors import ModelFault, MoneySpent, ProjectFault
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.slots import Slot
from agent.propose import Proposer, Unreadable
from agent.records.edits import Refused
from agent.records.events import Event, Judged, Note, Proposed, Proposing, RunFinished
from agent.records.proposals import Proposal
from agent.records.results import FAILED, Attempt, Order, Result, Trial
from agent.run.bounds import Bounds, cost_of
from agent.run.ledger import Ledger, Settled

# A method that is refused this often in a row has nothing left to say; going on would only spend tokens.
MAX_REFUSALS_IN_A_ROW = 10


@dataclass(frozen=True)
class _Drafted:
    proposal: Proposal | Unreadable


@dataclass(frozen=True)
class _Trained:
    attempt: Attempt
    slot: Slot
    order: Order
    result: Result | None


@dataclass(frozen=True)
class _Undrafted:
    error: BaseException


@dataclass(frozen=True)
class _Untrained:
    error: BaseException
    attempt: Attempt


_Message = Event | _Drafted | _Undrafted | _Trained | _Untrained


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
        self._ledger, self._bench, self._proposer, self._bounds, self._cancel = (
            ledger,
            bench,
            proposer,
            bounds,
            cancel,
        )
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._free = deque(bench.slots)
        waiting = () if only_new else ledger.history.in_flight
        self._waiting = deque(a for a in waiting if a.proposal.by.origin != "baseline")
        self._staged: deque[Proposal] = deque()
        self._running: dict[int, Attempt] = {}
        self._drafting = False
        self._measured = self._refusals = 0
        self._began = time.monotonic()
        self._ending: str | None = None
        self._fault: BaseException | None = None
        self._trainers = ThreadPoolExecutor(len(bench.slots), thread_name_prefix="trial")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="propose")

    def stop(self) -> None:
        """Finish the trials in training, start no more."""
        self._end("stopping after the trials in training")

    def abort(self) -> None:
        """Kill the trials in training; they stay in flight and run again on resume."""
        self._cancel.set()
        self._end("stopping at once; the trials in training run again on resume")

    def events(self) -> Iterator[Event]:
        """Work until a bound, a stop or a fault. A fault is raised once every thread is at rest and all results are recorded."""
        with self._trainers, self._writer:
            try:
                while True:
                    yield from self._start_ready()
                    yield from self._ask_ahead()
                    if not self._running and (self._ending or not self._drafting):
                        break
                    yield from self._handle(self._inbox.get())
                self._keep_for_resume()
            finally:
                self._cancel.set()
        if self._fault:
            raise self._fault
        yield RunFinished(self._over() or "nothing left to do")

    # ------------------------------------------------------------ starting

    def _start_ready(self) -> Iterator[Event]:
        if self._ledger.needs_baseline:
            if not self._running and not self._ending:
                yield from self._advance(self._ledger.begin_baseline())
            return
        while self._free and not self._over(len(self._running)):
            if self._waiting:
                yield from self._advance(self._waiting.popleft())
            elif self._staged:
                begun = self._ledger.begin(self._staged.popleft())
                if isinstance(begun, Trial):
                    yield from self._refused(begun)
                else:
                    yield from self._advance(begun)
            else:
                return

    def _advance(self, attempt: Attempt) -> Iterator[Event]:
        """Start the run that `attempt` needs next, or tell its verdict. Its re-runs come before anything new in the slot."""
        order = self._ledger.next(attempt)
        if isinstance(order, Settled):
            yield from self._settled(order)
        elif not self._cancel.is_set():
            self._train(attempt, order)

    def _train(self, attempt: Attempt, order: Order) -> None:
        slot, ledger = self._free.popleft(), self._ledger
        run, rivals = ledger.runs_done(attempt) + 1, ledger.rivals(attempt)
        assignment = Assignment(
            attempt,
            order,
            slot,
            run,
            ledger.usual_for(attempt, order),
            ledger.baseline_speed,
            rivals,
        )
        self._running[attempt.number] = attempt

        def work() -> _Trained | _Untrained:
            try:
                return _Trained(
                    attempt, slot, order, self._bench.run(assignment, self._inbox.put, self._cancel)
                )
            except (
                BaseException
            ) as error:  # raised again by the generator, once the other threads are at rest
                return _Untrained(error, attempt)

        self._trainers.submit(lambda: self._inbox.put(work()))

    def _ask_ahead(self) -> Iterator[Event]:
        """Keep a proposal in stock for each free slot, and one more for the next free slot where proposing takes long."""
        ready = len(self._staged) + len(self._waiting)
        wanted = len(self._free) + 1 if self._proposer.looks_ahead else len(self._free)
        too_early = self._ledger.needs_baseline and not self._proposer.looks_ahead
        if self._drafting or too_early or ready >= wanted or self._over(len(self._running) + ready):
            return
        self._drafting = True
        pending = [attempt.proposal for attempt in (*self._running.values(), *self._waiting)]
        context = self._ledger.context((*pending, *self._staged), *self._left())

        def work() -> _Drafted | _Undrafted:
            try:
                return _Drafted(self._proposer.propose(context))
            except BaseException as error:
                return _Undrafted(error)

        self._writer.submit(lambda: self._inbox.put(work()))
        yield Proposing(self._proposer.name)

    # ------------------------------------------------------------ handling

    def _handle(self, message: _Message) -> Iterator[Event]:
        match message:
            case _Drafted(proposal):
                self._drafting = False
                yield from self._stage(proposal)
            case _Trained(attempt, slot, order, result):
                del self._running[attempt.number]
                self._free.appendleft(slot)
                if result is not None:
                    self._ledger.record(attempt, order, result)
                    yield from self._advance(attempt)
            case _Undrafted(error):
                self._drafting = False
                if isinstance(error, MoneySpent):
                    self._end(error.message)
                elif not self._cancel.is_set():  # a proposal that was called off is no fault
                    self._break(error)
            case _Untrained(error, attempt):
                del self._running[attempt.number]
                self._cancel.set()
                self._break(error)
            case _:
                yield message

    def _stage(self, proposal: Proposal | Unreadable) -> Iterator[Event]:
        refused = (
            proposal.reason if isinstance(proposal, Unreadable) else self._ledger.admit(proposal)
        )
        if isinstance(refused, Refused):
            yield from self._refused(self._ledger.refuse(proposal, refused))
        elif isinstance(proposal, Proposal):
            self._refusals = 0
            self._staged.append(proposal)
            yield Proposed(proposal)

    def _refused(self, trial: Trial) -> Iterator[Event]:
        yield Judged(trial)
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS_IN_A_ROW:
            message = f"{self._proposer.name} was refused {self._refusals} times in a row; the last time: {trial.reason}"
            self._break(ModelFault(message, f"autoresearch show {trial.number}"))

    def _settled(self, settled: Settled) -> Iterator[Event]:
        trial, replay = settled.trial, settled.replay
        yield Judged(trial)
        if trial.proposal.by.origin != "baseline":
            self._measured += trial.result is not None
        elif trial.status in FAILED:
            message = f"train.py fails as it is ({trial.status}): {trial.reason}"
            self._break(ProjectFault(message, f"autoresearch show {trial.number}"))
        elif advice := self._ledger.advice(trial):
            yield Note(advice)
        if replay:
            self._staged.appendleft(replay)
            why = "improved on an older state" if trial.result else "was proposed on other data"
            yield Note(f"#{trial.number} {why}; it will be tried again on the newest one")

    # ------------------------------------------------------------ ending

    def _over(self, under_way: int = 0) -> str | None:
        return self._ending or self._bounds.spent(
            self._measured + under_way, time.monotonic() - self._began, self._cost()
        )

    def _left(self) -> tuple[str, float | None]:
        """What the bounds leave, in words, and the dollars of it."""
        under_way, seconds, cost = (
            len(self._running) + len(self._staged),
            time.monotonic() - self._began,
            self._cost(),
        )
        return self._bounds.left(self._measured + under_way, seconds, cost), self._bounds.dollars(
            cost
        )

    def _cost(self) -> float:
        """Dollars spent on proposals so far, those without a verdict included; not counted where there is no bound on them."""
        if self._bounds.max_cost is None:
            return 0.0
        judged = [trial.proposal for trial in self._ledger.history.trials]
        return cost_of(
            [
                *judged,
                *(attempt.proposal for attempt in (*self._running.values(), *self._waiting)),
                *self._staged,
            ]
        )

    def _end(self, reason: str) -> None:
        self._ending = reason
        self._inbox.put(Note(reason))

    def _break(self, error: BaseException) -> None:
        """Let what runs come to its end, then raise `error`."""
        self._fault = self._fault or error
        self._end(str(error) or type(error).__name__)

    def _keep_for_resume(self) -> None:
        """Proposals that were paid for and not trained become attempts in flight: resume begins with them."""
        while self._staged and not self._ledger.needs_baseline:
            self._ledger.begin(self._staged.popleft())
