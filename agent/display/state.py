"""The present state of a run: its events, folded into one record."""

from collections import deque
from collections.abc import Callable, Sequence

from agent.display.places import HERE, after, left_line, lost_line, waits_line
from agent.display.steering import input_line
from agent.records.events import (
    Checking,
    Event,
    Heard,
    Judged,
    ModelWaited,
    Note,
    PlaceLeft,
    Progress,
    Proposed,
    Proposing,
    RunFinished,
    RunStarted,
    Scoring,
    TrainingLost,
    TrialStarted,
    TrialWaits,
)
from agent.records.inputs import Admitted
from agent.records.pace import pace_of
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Trial, on_newest_data
from agent.records.steering import Steering, steering_of
from sandbox.ground.budget import Budget

# Longer than a step takes under any sensible budget: a training silent for this long is reported.
SILENCE_SECONDS = 15.0
NOTES = 2


class Running:
    """A trial in its slot."""

    def __init__(self, event: TrialStarted, budget: Budget | None, now: float) -> None:
        self.attempt: Attempt = event.attempt
        self.seed = event.seed
        self.run = event.run
        self.role = event.role
        self.place = event.place
        self.curve: list[tuple[float, float]] = []
        self.began = now
        self.heard = now
        self.scoring_since: float | None = None
        self.check: str = ""
        """The command that checks it now."""
        self._first: tuple[float, float] | None = None
        self._seconds = float(budget.amount) if budget and budget.unit == "s" else None

    def hear(self, fraction: float, loss: float, now: float) -> None:
        """Add the progress that train.py printed."""
        if self._first is None:
            self._first = (now, fraction)
        if not self.curve or fraction > self.curve[-1][0]:
            self.curve.append((fraction, loss))
        self.heard = now

    @property
    def reported(self) -> float:
        """Return the last fraction of the budget that train.py printed; 0 before it printed any."""
        return self.curve[-1][0] if self.curve else 0.0

    def fraction(self, now: float) -> float:
        """Return the used fraction of the budget: what was reported, continued by the clock."""
        if self.scoring_since is not None:
            return 1.0
        rate = self._rate()
        if rate is None or not self.curve:
            return self.reported
        return min(1.0, self.reported + rate * (now - self.heard))

    def left(self, now: float) -> float | None:
        """Return the seconds of training that are left; None while they are unknown."""
        rate = self._rate()
        return (1.0 - self.fraction(now)) / rate if rate and self.curve else None

    def silent(self, now: float) -> float | None:
        """Return the seconds since train.py printed anything, or None if they are few."""
        quiet = now - self.heard
        return quiet if quiet > SILENCE_SECONDS and self.scoring_since is None else None

    def _rate(self) -> float | None:
        """Return fractions of the budget per second; for a budget in steps the mean so far."""
        if self._seconds:
            return 1.0 / self._seconds
        if self._first is None or self.heard <= self._first[0]:
            return None
        return (self.reported - self._first[1]) / (self.heard - self._first[0]) or None


class RunState:
    """Everything a display may show of a run; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.run: RunStarted | None = None
        self.trials: list[Trial] = []
        self.running: dict[int, Running] = {}
        """What trains, by slot number; a baseline may train in several slots at once."""
        self.asked: tuple[str, float] | None = None
        """The method that is writing a proposal, and since when."""
        self.writing = 0
        """How many drafts the method is writing."""
        self.model_until: tuple[str, str] | None = None
        """Until when the model is not asked (ISO 8601), and why; None while it is asked."""
        self.waiting: list[Proposal] = []
        self.places = HERE
        self.notes: deque[str] = deque(maxlen=NOTES)
        self.inputs: list[Admitted] = []
        """The inputs to the run, oldest first."""
        self.planned: int | None = None
        """How many trials of this session may be measured."""
        self.began = clock()
        self.judged = 0
        """Verdicts on trained proposals since this display began, as `--trials` counts them."""

    def handle(self, event: Event) -> None:
        """Take in one event."""
        now = self.clock()
        self.places = after(self.places, event)
        match event:
            case RunStarted():
                self.run = event
                self.trials = list(event.trials)
                self.inputs = list(event.inputs)
                self.planned = event.planned
                self.began = now
            case Proposing(method, writing):
                since = self.asked[1] if self.asked and self.writing else now
                self.asked = (method, since)
                self.writing = writing
            case Proposed(proposal, writing):
                self._written(writing)
                self.waiting.append(proposal)
            case ModelWaited(until, reason):
                self.asked = None
                self.model_until = (until, reason) if until else None
            case TrialStarted(attempt, slot):
                if not attempt.proposal.is_baseline:
                    self._drop(attempt.number)  # its run before has ended
                self.running[slot] = Running(event, self._budget(), now)
                self._no_longer_waiting(attempt.proposal)
            case TrialWaits(attempt, run):
                self._drop(attempt.number)
                self.notes.append(waits_line(attempt.number, run))
            case Progress(number, fraction, loss, slot):
                if running := self._in_slot(number, slot):
                    running.hear(fraction, loss, now)
            case Scoring(number, slot):
                if running := self._in_slot(number, slot):
                    running.scoring_since = now
            case Checking(attempt, slot, command, place):
                self._check(TrialStarted(attempt, slot, 0, 1, place=place), command, now)
            case Judged(trial):
                self._judge(trial)
            case Heard(admitted, planned):
                self.inputs.append(admitted)
                self.planned = planned
                self.notes.append(input_line(admitted))
            case Note(text):
                self.notes.append(text)
            case PlaceLeft(place, why):
                self.notes.append(left_line(place, why))
            case TrainingLost(attempt, slot, place, why):
                if self._in_slot(attempt.number, slot):
                    del self.running[slot]
                self.notes.append(lost_line(attempt.number, place, why))
            case RunFinished():
                self.asked = None
                self.running.clear()

    @property
    def steering(self) -> Steering:
        """The state that the inputs have led to."""
        return steering_of(self.inputs, len(self.trials))

    def _check(self, event: TrialStarted, command: str, now: float) -> None:
        """Register the start of a check, perhaps of a trial that an earlier session trained."""
        budget = self._budget()
        running = self._in_slot(event.attempt.number, event.slot)
        if running is None:
            self._drop(event.attempt.number)
            running = Running(event, budget, now)
            self.running[event.slot] = running
        running.scoring_since = now
        running.check = command

    def _in_slot(self, number: int, slot: int) -> Running | None:
        """Return the training of a trial in a slot; None if another one is there, or none."""
        running = self.running.get(slot)
        return running if running and running.attempt.number == number else None

    def _drop(self, number: int) -> bool:
        """Remove the trainings of a trial; return whether there were any."""
        slots = [slot for slot, own in self.running.items() if own.attempt.number == number]
        for slot in slots:
            del self.running[slot]
        return bool(slots)

    def _written(self, writing: int) -> None:
        """Register that a draft has arrived. writing: how many others are being written."""
        self.writing = writing
        if not writing:
            self.asked = None

    def _judge(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self._drop(trial.number):
            self.judged += not trial.proposal.is_baseline
        elif trial.status == "refused":
            self._written(max(0, self.writing - 1))
        self._no_longer_waiting(trial.proposal)

    def _no_longer_waiting(self, proposal: Proposal) -> None:
        if proposal in self.waiting:
            self.waiting.remove(proposal)

    def _budget(self) -> Budget | None:
        """Return the budget of a training; None where it ends by itself."""
        if self.run is None or self.run.budget.startswith("limit "):
            return None
        return Budget.parse(self.run.budget)

    @property
    def proposed(self) -> tuple[Trial | Attempt, ...]:
        """Return everything that was proposed: the trials, and the attempts in training."""
        running = {own.attempt.number: own.attempt for own in self.running.values()}
        return (*self.trials, *running.values())

    def per_hour(self) -> float | None:
        """Return trained trials per hour, as `status` counts them; None before the second."""
        return pace_of(self.trials).per_hour


def baseline_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the first baseline on the run's present data, from which gains are counted."""
    return next((trial for trial in on_newest_data(trials) if trial.status == "baseline"), None)
