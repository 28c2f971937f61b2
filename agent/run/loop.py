"""The loop: propose, commit, train, judge, record. A generator of events; displays only listen.

Trials train in slots (agent/run/trainings.py) while the next proposals are written
(agent/run/drafting.py); one worker is no special case. Only the generator's own thread touches
the ledger.
"""

import threading
from collections.abc import Generator, Iterable, Iterator

from agent.errors import MoneySpent, NoneLeft, ProjectFault
from agent.evaluate.bench import Measures
from agent.propose import Proposer
from agent.records.events import (
    Event,
    Heard,
    Judged,
    Note,
    PlaceJoined,
    PlaceLeft,
    Proposed,
    RunFinished,
)
from agent.records.inputs import Admitted, Approve, Go, Pause, Set, Skip, Try
from agent.records.proposals import Proposal
from agent.records.results import FAILED, Trial
from agent.records.spending import spending_of
from agent.run.bounds import Bounds, Meter, Renewal
from agent.run.by_hand import ByHand
from agent.run.drafting import Demand, Drafting, Staff
from agent.run.hearing import LOOK_SECONDS, Hearing
from agent.run.inbox import Inbox
from agent.run.input_answers import measured_count
from agent.run.ledger import Ledger, Settled
from agent.run.line import Line
from agent.run.probe_slot import ProbeSlot
from agent.run.research import NO_RESEARCH, Research
from agent.run.stopwatch import Stopwatch
from agent.run.trainings import Trainings
from agent.run.workers import Lost, Message, ProbeEnded, Trained, TrainingFailed, Workers
from agent.run.writers import Drafted, DraftFailed, Writers

ALONE = Staff()
"""One writer; slots wait for it."""


class Loop:
    """One session of work on one run. `stop` and `abort` may be called from a signal handler.

    only_new: leave attempts in flight to a later resume. inbox: where inputs of people and agents
    arrive; None for none. research: the tools of a model. staff: who writes the proposals.
    """

    def __init__(
        self,
        ledger: Ledger,
        bench: Measures,
        proposer: Proposer,
        bounds: Bounds,
        cancel: threading.Event,
        only_new: bool = False,
        inbox: Inbox | None = None,
        research: Research = NO_RESEARCH,
        staff: Staff = ALONE,
    ) -> None:
        self._ledger = ledger
        self._meter = Meter(bounds)
        self._cancel = cancel
        self._fleet = ledger.fleet
        self._workers = Workers(bench, cancel, self._fleet)
        self._writers = Writers(self._workers.tell, cancel)
        self._line = Line(() if only_new else ledger.history.in_flight, self._fleet)
        self._trainings = Trainings(ledger, self._workers, self._line, cancel, lambda: self._paused)
        self._hearing = Hearing(ledger, inbox) if inbox else None
        self._by_hand = ByHand(ledger)
        self._probe_slot = ProbeSlot(research, self._workers, ledger)
        self._drafting = Drafting(
            ledger,
            proposer,
            self._writers,
            staff,
            self._meter,
            given=ledger.human_proposals if inbox else (),
            over=self._over,
            equip=self._probe_slot.equip,
        )
        self._workers_wanted: int | None = None
        self._stopwatch = Stopwatch()
        self._ending: str | None = None
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """End the session after the trials in training."""
        self._workers_wanted = None
        self._end("stopping after the trials in training")

    def abort(self) -> None:
        """End the session at once. Killed trials stay in flight and run again on resume."""
        self._cancel.set()
        self._workers_wanted = None
        self._end("stopping at once; the trials in training run again on resume")

    def tell(self, text: str) -> None:
        """Send a note to the listeners. Thread-safe."""
        self._workers.tell(Note(text))

    def events(self) -> Generator[Event]:
        """Work until a bound, a stop or a fault, and yield what happens.

        A fault is raised after every thread has ended and all results are recorded.
        """
        with self._workers as workers, self._writers:
            yield from self._remind()
            self._end_without_places()
            while True:
                yield from self._hear()
                self._probe_slot.start(self._ending is not None or self._paused)
                yield from self._start_ready()
                yield from self._ask_ahead()
                ready = len(self._drafting.staged) + self._line.ready
                self._probe_slot.look(ready > 0 or self._paused)
                if self._is_done:
                    last_words = list(self._hear(at_once=True))
                    yield from last_words
                    if not last_words:
                        break
                    continue
                message = workers.receive(LOOK_SECONDS)
                if message is not None:
                    yield from self._handle(message)
                self._end_without_places()
            yield from self._call_off()
            self._keep_for_resume()
        if self._fault:
            raise self._fault
        yield RunFinished(self._over() or "nothing left to do")

    @property
    def renewal(self) -> Renewal | None:
        """The bounds of the next session, if this one ended to change the number of workers."""
        if self._workers_wanted is None or self._meter.over(0, self._cost()):
            return None
        return self._meter.renewal(self._workers_wanted)

    @property
    def _is_done(self) -> bool:
        """Whether nothing trains and nothing more will be started."""
        if self._fleet.running:
            return False
        if self._ending:
            return True
        if self._trainings.awaits_place and not self._over():
            return False
        return not self._drafting.goes_on and (not self._paused or self._over() is not None)

    # ------------------------------------------------------------ hearing

    @property
    def _paused(self) -> bool:
        return self._hearing is not None and self._ledger.steering.paused is not None

    def _remind(self) -> Iterator[Event]:
        """Repeat what inputs of earlier sessions still ask for, and skip what they told to."""
        if self._hearing is None:
            return
        steering = self._ledger.steering
        if steering.paused:
            self._meter.pause()
            yield Note("paused: `autoresearch go` lets it go on")
            yield from self._trainings.waiting()
        if steering.held:
            yield Note("what would be kept is held: `autoresearch hold --off` ends that")
        for attempt in self._line:
            if attempt.number in steering.skipped:
                yield from self._follow(self._trainings.skip(attempt.number))

    def _hear(self, at_once: bool = False) -> Iterator[Event]:
        """Take in commits made by hand, and admit the inputs that wait.

        at_once: look into the inbox even if the last look was a moment ago.
        """
        if self._hearing is None:
            return
        for text in self._by_hand.take_in():
            yield Note(text)
        if self._by_hand.ends and not self._ending:
            self._end(self._by_hand.ends)
        for admitted in self._hearing.admit(at_once):
            if isinstance(admitted, str):
                yield Note(admitted)
            else:
                yield from self._heed(admitted)

    def _heed(self, admitted: Admitted) -> Iterator[Event]:
        """Carry out an admitted input, and report it."""
        asked = admitted.input
        ask = asked.ask
        if admitted.accepted and isinstance(ask, Set):
            self._meter.change(ask, measured_count(self._ledger))
            if ask.workers is not None:
                self._workers_wanted = ask.workers
                self._end(f"{ask.workers} workers from now on")
        yield Heard(admitted, self._meter.bounds.trials)
        match ask:
            case Try():
                yield from self._try(admitted)
            case Pause():
                self._meter.pause()
                yield from self._trainings.waiting()
            case Go():
                self._meter.go()
            case Approve() if admitted.accepted:
                yield from self._try(admitted)
            case Skip(number=number) if admitted.accepted:
                yield from self._follow(self._trainings.skip(number))

    def _try(self, admitted: Admitted) -> Iterator[Event]:
        """Put a person's edits in stock before the method's; record them if they are refused."""
        proposal = self._ledger.human_proposal(admitted.input)
        if not admitted.accepted:
            yield Judged(self._ledger.refuse(proposal, admitted.why))
            return
        self._drafting.put_before(proposal)
        yield Proposed(proposal)

    # ------------------------------------------------------------ starting

    def _start_ready(self) -> Iterator[Event]:
        """Fill the free slots: the baseline first, then attempts in flight, then proposals."""
        if self._paused:
            return
        fleet = self._fleet
        if not fleet.running:
            self._line.wake()
        if self._ledger.needs_baseline:
            yield from self._start_baseline()
            return
        if self._probe_slot.bars:
            return
        while fleet.free and not self._over(len(fleet.attempts)):
            waiting = self._line.take()
            if waiting:
                yield from self._follow(self._trainings.advance(*waiting))
            elif self._drafting.staged:
                yield from self._begin(self._drafting.staged.popleft())
            else:
                return

    def _start_baseline(self) -> Iterator[Event]:
        if self._ending:
            return
        if not self._fleet.running:
            self._stopwatch.start()
        yield from self._follow(self._trainings.start_baseline())

    def _begin(self, proposal: Proposal) -> Iterator[Event]:
        begun = self._ledger.begin(proposal)
        if isinstance(begun, Trial):
            yield from self._drafting.refused(begun)
            self._end_without_proposals()
        else:
            machine = self._fleet.free[0].machine
            yield from self._follow(self._trainings.advance(begun, machine))

    def _ask_ahead(self) -> Iterator[Event]:
        """Ask for proposals for the slots that are free or will be."""
        if self._paused:
            return
        fleet = self._fleet
        demand = Demand(
            slots=len(fleet.slots),
            free=len(fleet.free),
            ready=self._line.ready,
            begun=self._begun(),
            training=len(fleet.attempts),
            cost=self._cost(),
        )
        yield from self._drafting.ask(demand)

    # ------------------------------------------------------------ handling

    def _handle(self, message: Message) -> Iterator[Event]:
        match message:
            case Drafted():
                yield from self._drafting.take(message)
                self._end_without_proposals()
            case DraftFailed():
                yield from self._drafting.fail(message)
                self._end_without_proposals()
            case Trained() | Lost() | PlaceJoined() | PlaceLeft():
                yield from self._follow(self._trainings.take(message))
            case TrainingFailed(_, error):
                self._cancel.set()
                self._break(error)
            case ProbeEnded():
                return
            case _:
                yield message

    def _follow(self, news: Iterable[Event | Settled]) -> Iterator[Event]:
        """Pass events on, and handle the verdicts among them."""
        for each in news:
            if isinstance(each, Settled):
                yield from self._settled(each)
            else:
                yield each

    def _settled(self, settled: Settled) -> Iterator[Event]:
        trial = settled.trial
        yield Judged(trial)
        if trial.proposal.is_baseline:
            yield from self._baseline_settled(trial)
        elif trial.result is not None:
            self._meter.measured += 1
        if settled.replay:
            self._drafting.staged.appendleft(settled.replay)
            why = "improved on an older state" if trial.result else "was proposed on other data"
            yield Note(f"#{trial.number} {why}; it will be tried again on the newest one")

    def _baseline_settled(self, trial: Trial) -> Iterator[Event]:
        if trial.status in FAILED:
            message = f"train.py fails as it is ({trial.status}): {trial.reason}"
            self._break(ProjectFault(message, f"autoresearch show {trial.number}"))
            return
        if trial.status == "guarded":
            then = "$EDITOR autoresearch.toml   # then: autoresearch start"
            if trial.result and trial.result.failed_check:
                then = f"autoresearch show {trial.number}   # what it printed; then: {then}"
            self._break(ProjectFault(trial.reason, then))
            return
        ledger = self._ledger
        notes = (ledger.time_words(), *ledger.advice(trial), self._stopwatch.words(trial))
        for text in filter(None, notes):
            yield Note(text)

    # ------------------------------------------------------------ bounds and ending

    def _begun(self) -> tuple[Proposal, ...]:
        """Return the proposals of the attempts without a verdict."""
        begun = (*self._fleet.attempts.values(), *self._line)
        return tuple(attempt.proposal for attempt in begun)

    def _over(self, under_way: int = 0) -> str | None:
        """Return why nothing more may be started; None if something may.

        under_way: trials that count as measured.
        """
        reached = self._ledger.goal_reached
        return self._ending or reached or self._meter.over(under_way, self._cost())

    def _cost(self) -> float:
        """Return the dollars spent on all proposals of the run, judged or not."""
        judged = [trial.proposal for trial in self._ledger.history.trials]
        return spending_of([*judged, *self._begun(), *self._drafting.staged]).dollars

    def _end(self, reason: str) -> None:
        self._ending = reason
        self._workers.tell(Note(reason))

    def _break(self, error: BaseException) -> None:
        """End the session after the trials in training, and raise `error` then."""
        self._fault = self._fault or error
        self._workers_wanted = None
        self._end(str(error) or type(error).__name__)

    def _end_without_places(self) -> None:
        if self._trainings.fault and not self._over():
            self._break(self._trainings.fault)

    def _end_without_proposals(self) -> None:
        fault = self._drafting.fault
        if isinstance(fault, MoneySpent | NoneLeft):
            self._end(fault.message)
        elif fault and not self._cancel.is_set():  # a cancelled question is no fault
            self._break(fault)
        self._drafting.fault = None

    def _call_off(self) -> Iterator[Event]:
        """Cancel the drafts, and record what was spent on them."""
        self._writers.call_off()
        last = list(iter(lambda: self._workers.receive(0), None))
        for message in last:
            if isinstance(message, Drafted | DraftFailed):
                yield from self._drafting.take_last(message)
            elif isinstance(message, Event):
                yield message

    def _keep_for_resume(self) -> None:
        """Commit the proposals in stock as attempts, with which a resume begins."""
        staged = self._drafting.staged
        while staged and not self._ledger.needs_baseline:
            self._ledger.begin(staged.popleft())
