"""The slots of a session, on one machine or on many, and the runs that are under way in them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from agent.evaluate.bench import Assignment
from agent.records.results import Attempt
from agent.records.slots import Slot


@dataclass(frozen=True)
class Wait:
    """An attempt needs nothing new for now: runs under way will give what it is judged by."""


class Fleet:
    """Which slots there are, which are free, and what runs in the others.

    The loop's own thread changes it; assessments read it, so that no run is ordered twice.
    """

    def __init__(self) -> None:
        self.free: deque[Slot] = deque()
        """Slots in which nothing trains."""
        self.running: dict[int, Assignment] = {}
        """What trains, by the number of its slot."""
        self._slots: dict[int, Slot] = {}
        # How often slots have joined; and by number, when a slot did, and when its run began.
        self._turn = 0
        self._joined: dict[int, int] = {}
        self._begun: dict[int, int] = {}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot that the run has now."""
        return tuple(self._slots.values())

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines of its slots, those first that joined first."""
        return tuple(dict.fromkeys(slot.machine for slot in self._slots.values()))

    @property
    def free_machines(self) -> tuple[str, ...]:
        """The machines with a free slot."""
        return tuple(dict.fromkeys(slot.machine for slot in self.free))

    @property
    def attempts(self) -> dict[int, Attempt]:
        """The attempts of which something runs, by number."""
        return {run.attempt.number: run.attempt for run in self.running.values()}

    def runs_of(self, number: int) -> tuple[Assignment, ...]:
        """Return the runs of an attempt that are under way."""
        return tuple(run for run in self.running.values() if run.attempt.number == number)

    def cores_on(self, machine: str, otherwise: int | None) -> int | None:
        """Return how many cores a slot has on `machine`, None for all of them.

        otherwise: for a machine that is not among those of the run.
        """
        for slot in self._slots.values():
            if slot.machine == machine:
                return len(slot.cpus) or None
        return otherwise

    def join(self, slots: Iterable[Slot]) -> None:
        """Add slots that are not there; another one of the same number is replaced."""
        self._turn += 1
        for slot in slots:
            if self._slots.get(slot.number) == slot:
                continue
            self._drop({slot.number})
            self._slots[slot.number] = slot
            self._joined[slot.number] = self._turn
            if slot.number not in self.running:
                self.free.append(slot)

    def leave(self, place: str) -> None:
        """Drop the slots of a place; what still runs there ends by itself."""
        self._drop({slot.number for slot in self.slots if slot.place == place})

    def drop(self, machine: str) -> None:
        """Drop the slots of a machine; what still runs there ends by itself."""
        self._drop({slot.number for slot in self.slots if slot.machine == machine})

    def take(self, machine: str) -> Slot | None:
        """Return a free slot on `machine` for a training; None where there is none."""
        for slot in self.free:
            if slot.machine == machine:
                self.free.remove(slot)
                return slot
        return None

    def take_here(self) -> Slot | None:
        """Return a free slot of this machine for a probe; None where there is none."""
        for slot in self.free:
            if not slot.place:
                self.free.remove(slot)
                return slot
        return None

    def give_back(self, slot: Slot) -> None:
        """Let a slot be free again, if it is still there."""
        if slot.number in self._slots:
            self.free.appendleft(self._slots[slot.number])

    def begin(self, assignment: Assignment) -> None:
        """Note that a run is under way in the slot that was taken for it."""
        self.running[assignment.slot.number] = assignment
        self._begun[assignment.slot.number] = self._turn

    def end(self, slot: Slot) -> None:
        """Note that the run in a slot has ended; the slot is free then, if it is still there."""
        del self.running[slot.number]
        del self._begun[slot.number]
        self.give_back(slot)

    def lose(self, slot: Slot) -> None:
        """Note that the place of a run in `slot` is lost, with every slot that it had.

        What joined since the run began stays: the place is back.
        """
        begun = self._begun[slot.number]
        self.end(slot)
        there = [other for other in self.slots if slot.place and other.place == slot.place]
        gone = {other.number for other in (slot, *there)}
        self._drop({number for number in gone if self._joined[number] <= begun})

    def _drop(self, numbers: set[int]) -> None:
        self._slots = {n: slot for n, slot in self._slots.items() if n not in numbers}
        self.free = deque(slot for slot in self.free if slot.number not in numbers)
