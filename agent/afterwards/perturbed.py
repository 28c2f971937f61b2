"""A bench for later measurements that perturbs the code where no seed changes the score."""

import threading
from dataclasses import dataclass, replace

from agent.evaluate.bench import Assignment, Measures, PlaceListener
from agent.evaluate.slots import Slot
from agent.evaluate.watch import Listener
from agent.history.neutral import perturbed_order
from agent.history.reading import Reading
from agent.records.guards import Checks
from agent.records.results import Result


@dataclass(frozen=True)
class PerturbingBench:
    """Measures like `bench`, with the floats of a state moved if no seed changes its score."""

    bench: Measures
    history: Reading

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots of the present places."""
        return self.bench.slots

    @property
    def is_seeking(self) -> bool:
        """Whether the bench looks for another place."""
        return self.bench.is_seeking

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Open the bench."""
        self.bench.open(listen, cancel)

    def close(self) -> None:
        """Close the bench."""
        self.bench.close()

    def run(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Result | None:
        """Train and score what is ordered; None when cancelled."""
        order = perturbed_order(self.history, assignment.order)
        return self.bench.run(replace(assignment, order=order), listen, cancel)

    def check(
        self, assignment: Assignment, listen: Listener, cancel: threading.Event
    ) -> Checks | None:
        """Run the checks that are ordered; None when cancelled."""
        return self.bench.check(assignment, listen, cancel)
