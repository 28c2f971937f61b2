"""Trains states under the same seeds, side by side in one slot; elsewhere once a place is lost."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import FiniteFloat

from agent.errors import HistoryFault, PlaceLost
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.results import Units
from agent.judge.machines import model_of
from agent.records.events import Event, TrainingLost
from agent.records.losses import Loss, loss_of, own_fault
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result
from agent.records.slots import Slot
from sandbox.ground.deadline import Usual
from sandbox.ground.record import Record

LOOK_SECONDS = 0.1


class Scored(Record):
    """A state's score under one seed."""

    value: FiniteFloat | None
    failure: str = ""
    """Why there is no score."""
    also: dict[str, FiniteFloat] = {}
    """The metrics beside it."""


@dataclass(frozen=True)
class State:
    """A state of the run that can be trained."""

    name: str
    commit: str
    number: int
    """Of the trial whose state it is."""


Scores = Mapping[str, Mapping[int, Scored]]
"""By commit and seed."""
Tell = Callable[[Event, int, int], None]
"""Is called with an event, which training it is of, from 1, and how many there are to be."""


@dataclass(frozen=True)
class Timing:
    """How long the run's baseline trains on a machine, by which a training's deadline is set."""

    baseline: State
    known: Callable[[Slot], Usual | None]
    """Return what the run has recorded; None on a machine that is new to it, where the baseline is
    trained once."""
    stretch: Callable[[Usual | None], Usual | None] = lambda usual: usual
    """Return what is allowed for."""


def _one_slot(bench: Measures) -> Slot | None:
    """Return the slot to train in, once no place is looked for; None if there is none."""
    while not bench.slots and bench.is_seeking:
        time.sleep(LOOK_SECONDS)
    return next(iter(bench.slots), None)


@dataclass
class SideBySide:
    """Trains every state under every seed, all states of a seed on one machine.

    A seed whose place is lost is trained again as a whole, in another slot; on another kind of
    machine all seeds are. A state under which places are lost too often has failed. So has one
    without a score, which is not trained again.
    """

    bench: Measures
    states: Sequence[State]
    seeds: Sequence[int]
    order_of: Callable[[State, int], Order]
    """Return the order to train a state under a seed."""
    tell: Tell
    cancel: threading.Event
    timing: Timing | None = None
    """None for trainings without a deadline."""
    units: Units = field(default_factory=Units)
    scores: dict[str, dict[int, Scored]] = field(init=False)
    """By commit and seed."""
    machines: dict[int, str] = field(default_factory=dict, init=False)
    """Where the states were trained, by seed."""

    def __post_init__(self) -> None:
        """Begin without scores."""
        self.scores = {state.commit: {} for state in self.states}
        # How many trainings have begun, without those to be repeated, and how many are to be.
        self._begun = 0
        self._planned = len(self.states) * len(self.seeds)
        self._usual: dict[str, Usual | None] = {}
        self._timed: set[str] = set()
        self._losses: defaultdict[str, list[Loss]] = defaultdict(list)

    def train(self) -> None:
        """Train everything, or until it is cancelled.

        Raise PlaceLost where no place is left; the scores under finished seeds stay. Raise
        HistoryFault where the run's baseline fails.
        """
        slot = _one_slot(self.bench)
        if slot is None:
            raise PlaceLost("it left before anything was trained")
        turn = 0
        while turn < len(self.seeds) and not self.cancel.is_set():
            try:
                self._train(slot, turn)
                self.machines[self.seeds[turn]] = slot.machine
                turn += 1
            except PlaceLost:
                self._forget(self.seeds[turn : turn + 1])
                other = _one_slot(self.bench)
                if other is None:
                    raise
                if model_of(other.machine) != model_of(slot.machine):
                    self._forget(self.seeds[:turn])
                    self.machines.clear()
                    turn = 0
                slot = other

    def _train(self, slot: Slot, turn: int) -> None:
        """Train every state under one seed; every second time in the opposite order."""
        seed = self.seeds[turn]
        usual = self._usual_in(slot)
        for state in self.states if turn % 2 == 0 else reversed(self.states):
            own = self.scores[state.commit]
            if any(score.failure for score in own.values()):
                continue
            run = self._run(slot, state, self.order_of(state, seed), turn, usual)
            own[seed] = _scored(self.units.held(run) if run else None)
            if self.cancel.is_set():
                return

    def _usual_in(self, slot: Slot) -> Usual | None:
        timing = self.timing
        if timing is None:
            return None
        if slot.machine not in self._usual:
            usual = timing.known(slot)
            if usual is None:
                usual = self._time(slot, timing.baseline)
            self._usual[slot.machine] = timing.stretch(usual)
        return self._usual[slot.machine]

    def _time(self, slot: Slot, baseline: State) -> Usual | None:
        """Return how long the baseline trains in a slot; None if it was cancelled."""
        if slot.machine not in self._timed:
            self._timed.add(slot.machine)
            self._planned += 1
        order = Order(commit=baseline.commit, seed=self.seeds[0], role="baseline")
        run = self._run(slot, baseline, order, 0, None)
        if run is None:
            return None
        if run.status != "scored":
            message = f"the baseline fails on this machine ({run.status}): {run.detail}"
            raise HistoryFault(message, "autoresearch log")
        [score] = run.scores
        stepping = None if score.startup is None else run.seconds - score.startup
        return Usual(seconds=run.seconds, stepping=stepping, answering=score.answering)

    def _run(
        self, slot: Slot, state: State, order: Order, turn: int, usual: Usual | None
    ) -> Result | None:
        """Train a state. Raise PlaceLost where its place is gone, which may be its own fault."""
        if slot not in self.bench.slots:
            raise PlaceLost(f"{slot.place} is gone", "autoresearch doctor")
        assignment = _assignment(slot, state, order, turn, usual)
        self._begun += 1
        try:
            return self.bench.run(assignment, self._hear, self.cancel)
        except PlaceLost as lost:
            self._hear(TrainingLost(assignment.attempt, slot.number, slot.place, lost.message))
            losses = self._losses[state.commit]
            losses.append(loss_of(slot.machine, slot.place, lost.message, own=True))
            why = own_fault(losses)
            if why is not None:
                return Result(status="crash", detail=why)
            self._begun -= 1
            raise

    def _hear(self, event: Event) -> None:
        self.tell(event, self._begun, self._planned)

    def _forget(self, seeds: Iterable[int]) -> None:
        """Drop the scores under these seeds, which are to be trained again."""
        for seed in seeds:
            for own in self.scores.values():
                if seed in own and not own[seed].failure:
                    del own[seed]
                    self._begun -= 1


def _assignment(
    slot: Slot, state: State, order: Order, turn: int, usual: Usual | None
) -> Assignment:
    proposal = Proposal(hypothesis=state.name, by=Provenance(method="remeasure", origin="replay"))
    attempt = Attempt(
        number=state.number, commit=state.commit, parent=state.commit, proposal=proposal
    )
    return Assignment(attempt, order, slot, turn + 1, usual)


def _scored(run: Result | None) -> Scored:
    if run is None:
        return Scored(value=None, failure="stopped")
    if run.status != "scored":
        return Scored(value=None, failure=f"{run.status}: {run.detail}")
    return Scored(value=run.scores[0].value, also=run.scores[0].also)
