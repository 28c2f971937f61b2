"""Places in this process that really lose what trains in them, come late and come back."""

import threading
from collections.abc import Callable, Mapping
from itertools import count

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, Bench, PlaceListener, Plan
from agent.evaluate.watch import Listener
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.project.objective import metric_of
from agent.records.events import PlaceJoined, PlaceLeft
from agent.records.guards import Checks
from agent.records.results import Result
from agent.records.slots import Slot
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.study import ListProposer, Script, train

WHY = "its node died"
HERE = "3f9a01c2 x86_64"


class Nodes:
    """Measures on a bench of this process, in the slots of places that a test kills and starts.

    before: called with each assignment in its thread, before it is measured.
    """

    def __init__(
        self,
        bench: Bench,
        places: Mapping[str, int],
        before: Callable[["Nodes", Assignment], None] = lambda *_: None,
        machines: Mapping[str, str] = {},
    ) -> None:
        self._bench = bench
        self._before = before
        self._machines = machines
        self._numbers = count()
        self._lock = threading.Lock()
        self._gone: set[int] = set()
        self._slots: dict[int, Slot] = {}
        self._listen: PlaceListener = lambda _: None
        self.done: list[tuple[int, str, str]] = []
        """Number, place and role of every run that gave a result, in that order."""
        self.closed = 0
        self._current = threading.local()
        for place, slots in places.items():
            self._add(place, slots)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots of the places that are there."""
        return tuple(slot for number, slot in self._slots.items() if number not in self._gone)

    is_seeking = False

    @property
    def here(self) -> str:
        """The place where the calling thread measures."""
        place: str = self._current.place
        return place

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Begin to tell `listen` of places."""
        self._listen = listen

    def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score, unless the place is gone before or meanwhile."""
        self._before(self, assignment)
        self._refuse_gone(assignment)
        self._current.place = assignment.slot.place
        result = self._bench.run(assignment, listen, cancel)
        self._refuse_gone(assignment)
        with self._lock:
            slot = assignment.slot
            self.done.append((assignment.attempt.number, slot.place, assignment.order.role))
        return result

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run the checks."""
        return self._bench.check(assignment, listen, cancel)

    def kill(self, place: str, says_so: bool = True) -> None:
        """Lose a place. says_so: whether the engine tells of it, besides what its runs raise."""
        with self._lock:
            self._gone |= {slot.number for slot in self._slots.values() if slot.place == place}
        if says_so:
            self._listen(PlaceLeft(place, WHY))

    def join(self, place: str, slots: int = 1) -> None:
        """Let a place join, new or back."""
        with self._lock:
            added = self._add(place, slots)
        self._listen(PlaceJoined(place, added))

    def _add(self, place: str, slots: int) -> tuple[Slot, ...]:
        machine = self._machines.get(place, HERE)
        numbers = [next(self._numbers) for _ in range(slots)]
        added = [Slot(number=n, cpus=(0,), machine=machine, place=place) for n in numbers]
        self._slots |= {slot.number: slot for slot in added}
        return tuple(added)

    def _refuse_gone(self, assignment: Assignment) -> None:
        slot = assignment.slot
        if slot.number in self._gone:
            raise PlaceLost(f"{slot.place} is gone: {WHY}")


def bench_of(history: History, script: Script = train) -> Bench:
    """Return a bench of scripted trainings, as each node has one."""
    run = history.run
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=run.budget,
        memory_bytes=None,
        metric=metric_of(run.goal),
        sense=run.sense,
    )
    folder = trials_folder(history.project, history.tag)
    return Bench(plan, ScriptedRunner(script), (), folder, history.export)


def loop_over(
    history: History, nodes: Nodes, proposer: ListProposer, trials: int | None = None
) -> Loop:
    """Return the real loop over places of this process."""
    ledger = Ledger(history, read_space)
    return Loop(ledger, nodes, proposer, Bounds(trials=trials), threading.Event())
