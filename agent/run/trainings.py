"""What trains in the slots, and what waits for one: starts runs, and takes in how they ended."""

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
from agent.run.line import Line, is_baseline
from agent.run.workers import Lost, Trained, Workers


class Trainings:
    """The trainings of a session, on one machine or on many.

    is_paused: whether nothing new may start.
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
        # Which place was lost last, and why.
        self._last = ""

    # ------------------------------------------------------------ starting

    def start_baseline(self) -> Iterator[Settled | TrialWaits]:
        """Run the baseline on every machine that has a free slot and something to show with it."""
        running = tuple(self._fleet.attempts.values())
        baselines = [attempt for attempt in running if is_baseline(attempt)]
        if len(baselines) < len(running):
            return
        baseline = baselines[0] if baselines else self._ledger.begin_baseline()
        for machine in self._line.machines_for(baseline):
            settled = tuple(self.advance(baseline, machine))
            yield from settled
            if settled:
                return

    def waiting(self) -> Iterator[TrialWaits]:
        """Yield what waits in a pause."""
        for attempt in self._line:
            yield self._waits(attempt)

    def _waits(self, attempt: Attempt) -> TrialWaits:
        result = self._ledger.history.measured(attempt)
        done = sum(score.role != "baseline" for score in result.scores) if result else 0
        return TrialWaits(attempt, done + 1)

    def advance(self, attempt: Attempt, machine: str) -> Iterator[Settled | TrialWaits]:
        """Start the run that an attempt needs next, if that can be on `machine`.

        Yield its verdict where it needs none, and that it waits where the run is paused.
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
        """Start a run that was ordered, or let its attempt wait for a slot where it can."""
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
        """Take in what has ended, joined or left; yield what is to be told of it, and verdicts."""
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
        """End the trainings of an attempt, or record at once that it was skipped."""
        if self._fleet.runs_of(number):
            self._workers.end(number)
            return
        for attempt in self._line:
            if attempt.number == number:
                self._line.remove(attempt)
                yield self._ledger.skip(attempt)

    def _skipped(self, attempt: Attempt) -> Iterator[Settled]:
        """Record that an attempt was skipped, once its last run has ended."""
        if not self._fleet.runs_of(attempt.number):
            yield self._ledger.skip(attempt)

    def _ended(self, run: Assignment, result: Result | Checks | None) -> Iterator[Event | Settled]:
        """Record the result of a training, and go on with its attempt."""
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
        """Record the result of a training.

        Raise ProjectFault where the baseline fails on a machine, and another may train it.
        """
        attempt = run.attempt
        if isinstance(result, Result) and result.status != "scored" and is_baseline(attempt):
            before = self._ledger.history.measured(attempt)
            machines = {score.machine for score in before.scores} if before else set()
            machines |= {other.slot.machine for other in self._fleet.runs_of(attempt.number)}
            if machines - {run.slot.machine}:
                raise baseline_fault(result)
        self._ledger.record(attempt, run.order, result)

    def _unfit(self, run: Assignment, fault: ProjectFault) -> Iterator[Event]:
        """Drop a machine on which the baseline fails; raise `fault` where there is no other.

        Where it fails on all of them, the last one's failure is the run's.
        """
        machine = run.slot.machine
        if set(self._fleet.machines) <= {machine}:
            raise fault
        places = {slot.place for slot in self._fleet.slots if slot.machine == machine}
        self._fleet.drop(machine)
        for place in sorted(places):
            yield PlaceLeft(place, fault.message)
        self._line.put_first(run.attempt)

    def _lost(self, run: Assignment, why: str) -> Iterator[Event | Settled]:
        """Take in that the place of a training is gone: its attempt is first in line elsewhere."""
        if run.attempt.number in self._ledger.steering.skipped:
            yield from self._skipped(run.attempt)
        elif not self._cancel.is_set():
            yield TrainingLost(run.attempt, run.slot.number, run.slot.place, why)
            if self._ledger.lose(run, why):
                yield from self.advance(run.attempt, run.slot.machine)
            else:
                self._line.put_first(run.attempt)

    @property
    def awaits_place(self) -> bool:
        """Whether there is no place at this moment, and one may join at once."""
        return not self._fleet.slots and self._workers.awaits_place

    @property
    def fault(self) -> PlaceLost | None:
        """Why nothing can train any more; None while there is a place, or something trains."""
        if self._fleet.slots or self._fleet.running or self.awaits_place:
            return None
        return PlaceLost(f"no place to train is left{self._last}", "autoresearch resume")
