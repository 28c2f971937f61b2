"""The queue of attempts in flight that wait for a slot."""

from collections.abc import Iterable, Iterator

from agent.records.results import Attempt
from agent.run.fleet import Fleet


class Line:
    """A queue of attempts that wait for a slot of `fleet`.

    Baselines never wait: the loop begins them when they are needed.
    """

    def __init__(self, attempts: Iterable[Attempt], fleet: Fleet) -> None:
        self._fleet = fleet
        self._attempts = [attempt for attempt in attempts if not attempt.proposal.is_baseline]
        # By number of the attempt: the machine that it has to run on.
        self._machines: dict[int, str] = {}
        # Pairs of an attempt's number and a machine on which it had nothing to run.
        self._idle: set[tuple[int, str]] = set()

    def __iter__(self) -> Iterator[Attempt]:
        """Yield the attempts in order; the queue may change meanwhile."""
        return iter(tuple(self._attempts))

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def ready(self) -> int:
        """How many could start in any slot that becomes free."""
        held = {number for number, _ in self._idle} | set(self._machines)
        return sum(attempt.number not in held for attempt in self._attempts)

    def put_first(self, attempt: Attempt) -> None:
        """Put an attempt at the head of the queue."""
        self._put(attempt, 0)

    def put_back(self, attempt: Attempt, machine: str | None = None) -> None:
        """Put an attempt before those that began later.

        machine: the only machine it can run on; None for any.
        """
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
        """Remove an attempt from the queue, if it is there."""
        self._attempts = [other for other in self._attempts if other.number != attempt.number]
        self._machines.pop(attempt.number, None)

    def take(self) -> tuple[Attempt, str] | None:
        """Remove the first attempt that has a free slot; return it with the slot's machine."""
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
        """Remember that an attempt has nothing to run on a machine, until `wake`."""
        self._idle.add((attempt.number, machine))

    def wake(self) -> None:
        """Forget what `hold` noted: a run has ended, or the machines have changed."""
        self._idle.clear()
