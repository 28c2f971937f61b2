"""The slots of a session, on one machine or many, and the runs in them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from agent.evaluate.bench import Assignment
from agent.records.results import Attempt
from agent.records.slots import Slot


@dataclass(frozen=True)
class Wait:
    """An attempt needs no new run for now: it is judged when runs under way have ended."""


class Fleet:
    """Keeps track of the slots: which there are, which are free, what runs in the others.

    Only the loop's own thread changes it. Assessments read it to order no run twice.
    """

    def __init__(self) -> None:
        self.free: deque[Slot] = deque()
        """Slots in which nothing trains."""
        self.running: dict[int, Assignment] = {}
        """What trains, by the number of its slot."""
        self._slots: dict[int, Slot] = {}
        # How often slots have joined; by slot number, that count when the slot joined, and when its
        # run began.
        self._turn = 0
        self._joined: dict[int, int] = {}
        self._begun: dict[int, int] = {}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot that the run has now."""
        return tuple(self._slots.values())

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines of the slots, in the order in which they joined."""
        return tuple(dict.fromkeys(slot.machine for slot in self._slots.values()))

    @property
    def free_machines(self) -> tuple[str, ...]:
        """The machines with a free slot."""
        return tuple(dict.fromkeys(slot.machine for slot in self.free))

    @property
    def attempts(self) -> dict[int, Attempt]:
        """The attempts that have runs under way, by number."""
        return {run.attempt.number: run.attempt for run in self.running.values()}

    def runs_of(self, number: int) -> tuple[Assignment, ...]:
        """Return the runs of an attempt that are under way."""
        return tuple(run for run in self.running.values() if run.attempt.number == number)

    def cores_on(self, machine: str, otherwise: int | None) -> int | None:
        """Return how many cores a slot on `machine` has, None for all of them.

        otherwise: the answer for a machine without a slot.
        """
        for slot in self._slots.values():
            if slot.machine == machine:
                return len(slot.cpus) or None
        return otherwise

    def join(self, slots: Iterable[Slot]) -> None:
        """Add new slots. A slot of the same number is replaced."""
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
        """Remove the slots of a place. Runs there go on to their end."""
        self._drop({slot.number for slot in self.slots if slot.place == place})

    def drop(self, machine: str) -> None:
        """Remove the slots of a machine. Runs there go on to their end."""
        self._drop({slot.number for slot in self.slots if slot.machine == machine})

    def take(self, machine: str) -> Slot | None:
        """Take a free slot on `machine` for a training; return it, or None if there is none."""
        for slot in self.free:
            if slot.machine == machine:
                self.free.remove(slot)
                return slot
        return None

    def take_here(self) -> Slot | None:
        """Take a free slot of this machine for a probe; return it, or None if there is none."""
        for slot in self.free:
            if not slot.place:
                self.free.remove(slot)
                return slot
        return None

    def give_back(self, slot: Slot) -> None:
        """Free a slot that was taken, if it still belongs to the run."""
        if slot.number in self._slots:
            self.free.appendleft(self._slots[slot.number])

    def begin(self, assignment: Assignment) -> None:
        """Register a run in the slot that was taken for it."""
        self.running[assignment.slot.number] = assignment
        self._begun[assignment.slot.number] = self._turn

    def end(self, slot: Slot) -> None:
        """Register the end of a run, and free its slot."""
        del self.running[slot.number]
        del self._begun[slot.number]
        self.give_back(slot)

    def lose(self, slot: Slot) -> None:
        """Register that the place of the run in `slot` is lost, and remove the place's slots.

        Slots that joined since the run began stay: by then the place was back.
        """
        begun = self._begun[slot.number]
        self.end(slot)
        there = [other for other in self.slots if slot.place and other.place == slot.place]
        gone = {other.number for other in (slot, *there)}
        self._drop({number for number in gone if self._joined[number] <= begun})

    def _drop(self, numbers: set[int]) -> None:
        self._slots = {n: slot for n, slot in self._slots.items() if n not in numbers}
        self.free = deque(slot for slot in self.free if slot.number not in numbers)
