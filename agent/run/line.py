"""The line of attempts in flight that wait for a slot."""

from collections.abc import Iterable, Iterator

from agent.records.results import Attempt
from agent.run.fleet import Fleet


class Line:
    """Attempts that wait for a slot of `fleet`, the first in line first; never a baseline.

    A baseline is begun where it is needed.
    """

    def __init__(self, attempts: Iterable[Attempt], fleet: Fleet) -> None:
        self._fleet = fleet
        self._attempts = [attempt for attempt in attempts if not attempt.proposal.is_baseline]
        # By number: the machine that an attempt has to have.
        self._machines: dict[int, str] = {}
        # Numbers and machines for which there was nothing to run, until something changes.
        self._idle: set[tuple[int, str]] = set()

    def __iter__(self) -> Iterator[Attempt]:
        """Go through them in their order."""
        return iter(tuple(self._attempts))

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def ready(self) -> int:
        """How many would take any slot that became free."""
        held = {number for number, _ in self._idle} | set(self._machines)
        return sum(attempt.number not in held for attempt in self._attempts)

    def put_first(self, attempt: Attempt) -> None:
        """Put an attempt first in line."""
        self._put(attempt, 0)

    def put_back(self, attempt: Attempt, machine: str | None = None) -> None:
        """Put an attempt before those that began later. machine: the one it has to have, if any."""
        self.remove(attempt)
        later = (n for n, other in enumerate(self._attempts) if other.number > attempt.number)
        self._put(attempt, next(later, len(self._attempts)))
        if machine is not None and not attempt.proposal.is_baseline:
            self._machines[attempt.number] = machine

    def _put(self, attempt: Attempt, place: int) -> None:
        self.remove(attempt)
        if not attempt.proposal.is_baseline:
            self._attempts.insert(place, attempt)

    def remove(self, attempt: Attempt) -> None:
        """Take an attempt out of the line, if it is there."""
        self._attempts = [other for other in self._attempts if other.number != attempt.number]
        self._machines.pop(attempt.number, None)

    def take(self) -> tuple[Attempt, str] | None:
        """Take out the first attempt for which a slot is free; return it and the slot's machine."""
        for attempt in self._attempts:
            machine = next(self.machines_for(attempt), None)
            if machine is not None:
                self.remove(attempt)
                return attempt, machine
        return None

    def machines_for(self, attempt: Attempt) -> Iterator[str]:
        """Yield the machines with a free slot where the attempt may have something to run."""
        needed = self._machines.get(attempt.number)
        for machine in self._fleet.free_machines:
            elsewhere = needed in self._fleet.machines and machine != needed
            if not elsewhere and (attempt.number, machine) not in self._idle:
                yield machine

    def hold(self, attempt: Attempt, machine: str) -> None:
        """Ask for nothing of an attempt on a machine, until `wake`."""
        self._idle.add((attempt.number, machine))

    def wake(self) -> None:
        """Ask again of every attempt: a run has ended, or the machines are others."""
        self._idle.clear()
