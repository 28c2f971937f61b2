"""Starts runs in the slots, and handles how they end."""

import threading
from collections.abc import Callable, Iterator

from agent.errors import PlaceLost, ProjectFault
from agent.evaluate.bench import Assignment
from agent.records.events import Event, PlaceJoined, PlaceLeft, TrainingLost, TrialWaits
from agent.records.guards import Checks
from agent.records.results import Attempt, Order, Result
from agent.run.advice import baseline_fault
from agent.run.fleet import Wait
from agent.run.ledger import Ledger, Settled
from agent.run.line import Line
from agent.run.workers import Lost, Trained, Workers


class Trainings:
    """The trainings of a session, on one machine or many.

    is_paused: returns whether nothing new may start.
    """

    def __init__(
        self,
        ledger: Ledger,
        workers: Workers,
        line: Line,
        cancel: threading.Event,
        is_paused: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._fleet = ledger.fleet
        self._workers = workers
        self._line = line
        self._cancel = cancel
        self._is_paused = is_paused
        # How the last place was lost, for the fault when none is left.
        self._last = ""

    # ------------------------------------------------------------ starting

    def start_baseline(self) -> Iterator[Settled | TrialWaits]:
        """Run the baseline on every machine with a free slot that needs a run of it."""
        running = tuple(self._fleet.attempts.values())
        baselines = [attempt for attempt in running if attempt.proposal.is_baseline]
        if len(baselines) < len(running):
            return
        baseline = baselines[0] if baselines else self._ledger.begin_baseline()
        for machine in self._line.machines_for(baseline):
            settled = tuple(self.advance(baseline, machine))
            yield from settled
            if settled:
                return

    def waiting(self) -> Iterator[TrialWaits]:
        """Yield an event for each attempt that waits during a pause."""
        for attempt in self._line:
            yield self._waits(attempt)

    def _waits(self, attempt: Attempt) -> TrialWaits:
        result = self._ledger.history.measured(attempt)
        done = sum(score.role != "baseline" for score in result.scores) if result else 0
        return TrialWaits(attempt, done + 1)

    def advance(self, attempt: Attempt, machine: str) -> Iterator[Settled | TrialWaits]:
        """Start the next run of an attempt on `machine`, or queue the attempt.

        Yield its verdict if it needs no run, and an event if it waits because of a pause.
        """
        step = self._ledger.next(attempt, machine)
        match step:
            case Settled():
                yield step
            case Wait():
                self._line.put_back(attempt)
                self._line.hold(attempt, machine)
                if self._is_paused():
                    yield self._waits(attempt)
            case Order() if not self._cancel.is_set():
                yield from self._start(attempt, step, machine)

    def _start(self, attempt: Attempt, order: Order, machine: str) -> Iterator[TrialWaits]:
        """Start an ordered run, or queue its attempt for a machine that can run it."""
        needed = order.machine if order.machine in self._fleet.machines else None
        slot = None if self._is_paused() else self._fleet.take(needed or machine)
        if slot is None:
            self._line.put_back(attempt, needed)
            if self._is_paused():
                yield self._waits(attempt)
        else:
            self._workers.train(self._ledger.assignment(attempt, order, slot))

    # ------------------------------------------------------------ ending

    def take(self, news: Trained | Lost | PlaceJoined | PlaceLeft) -> Iterator[Event | Settled]:
        """Handle the end of a run or a change of places; yield events and verdicts."""
        self._line.wake()
        match news:
            case Trained(run, result):
                yield from self._ended(run, result)
            case Lost(run, why):
                self._last = f": {why}"
                yield from self._lost(run, why)
            case PlaceJoined(_, slots):
                self._fleet.join(slots)
                yield news
            case PlaceLeft(place, why):
                self._last = f"; the last one, {place}, left: {why}"
                self._fleet.leave(place)
                yield news

    def skip(self, number: int) -> Iterator[Settled]:
        """End the trainings of an attempt; if it has none, yield its verdict `skipped`."""
        if self._fleet.runs_of(number):
            self._workers.end(number)
            return
        for attempt in self._line:
            if attempt.number == number:
                self._line.remove(attempt)
                yield self._ledger.skip(attempt)

    def _skipped(self, attempt: Attempt) -> Iterator[Settled]:
        """Yield the verdict `skipped` once the attempt's last run has ended."""
        if not self._fleet.runs_of(attempt.number):
            yield self._ledger.skip(attempt)

    def _ended(self, run: Assignment, result: Result | Checks | None) -> Iterator[Event | Settled]:
        """Record the result of a run, and go on with its attempt."""
        if run.attempt.number in self._ledger.steering.skipped:
            yield from self._skipped(run.attempt)
        elif result is not None:
            try:
                self._record(run, result)
            except ProjectFault as fault:
                yield from self._unfit(run, fault)
            else:
                yield from self.advance(run.attempt, run.slot.machine)

    def _record(self, run: Assignment, result: Result | Checks) -> None:
        """Record the result of a run.

        Raise ProjectFault if the baseline fails on one of several machines.
        """
        attempt = run.attempt
        if (
            isinstance(result, Result)
            and result.status != "scored"
            and attempt.proposal.is_baseline
        ):
            before = self._ledger.history.measured(attempt)
            machines = {score.machine for score in before.scores} if before else set()
            machines |= {other.slot.machine for other in self._fleet.runs_of(attempt.number)}
            if machines - {run.slot.machine}:
                raise baseline_fault(result)
        self._ledger.record(attempt, run.order, result)

    def _unfit(self, run: Assignment, fault: ProjectFault) -> Iterator[Event]:
        """Remove a machine on which the baseline fails; raise `fault` if it is the last one."""
        machine = run.slot.machine
        if set(self._fleet.machines) <= {machine}:
            raise fault
        places = {slot.place for slot in self._fleet.slots if slot.machine == machine}
        self._fleet.drop(machine)
        for place in sorted(places):
            yield PlaceLeft(place, fault.message)
        self._line.put_first(run.attempt)

    def _lost(self, run: Assignment, why: str) -> Iterator[Event | Settled]:
        """Handle the loss of a run's place: its attempt goes to the head of the queue."""
        if run.attempt.number in self._ledger.steering.skipped:
            yield from self._skipped(run.attempt)
        elif not self._cancel.is_set():
            yield TrainingLost(run.attempt, run.slot.number, run.slot.place, why)
            if self._ledger.lose(run, why):
                yield from self.advance(run.attempt, run.slot.machine)
            else:
                self._line.put_first(run.attempt)

    @property
    def fault(self) -> PlaceLost | None:
        """Why nothing can train any more; None while there is a place, or something trains."""
        if self._fleet.slots or self._fleet.running:
            return None
        return PlaceLost(f"no place to train is left{self._last}", "autoresearch resume")
