"""Shows where the trials of a start would run, for `start --dry-run`, without starting any."""

from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.text import Text

from agent.cli.build import Place
from agent.cli.doctor_nodes import demands_of, plain_node, show_nodes
from agent.cli.slurm import driver_command
from agent.cli.working import Manner
from agent.display.format import formatter_for
from agent.display.waiting import waiting
from agent.errors import Fault
from agent.evaluate.cluster.examination import Examined, examine
from agent.evaluate.slots import Slot
from agent.evaluate.slurm.allocation import planned_batch
from agent.evaluate.where import SLURM
from agent.project.resolve import StartOptions


class Planned(Protocol):
    """The interface: where trials would run."""

    @property
    def workers(self) -> int:
        """How many trials would train at once."""

    def say(self, console: Console) -> None:
        """Print it."""

    def plain(self) -> dict[str, object]:
        """Return it for `--json`."""


@dataclass(frozen=True)
class Here:
    """In slots of this machine; the overview shows them."""

    slots: tuple[Slot, ...]

    @property
    def workers(self) -> int:
        """How many trials would train at once."""
        return len(self.slots)

    def say(self, console: Console) -> None:
        """Print nothing more."""

    def plain(self) -> dict[str, object]:
        """Return nothing more."""
        return {}


@dataclass(frozen=True)
class Batch:
    """In an allocation that a batch file asks Slurm for."""

    text: str
    workers: int

    def say(self, console: Console) -> None:
        """Print the batch file, as it would be submitted."""
        console.print("\nthe batch file that would be submitted with sbatch:\n")
        console.print(Text(formatter_for(console).block(self.text)), soft_wrap=True)

    def plain(self) -> dict[str, object]:
        """Return the batch file."""
        return {"batch": self.text}


@dataclass(frozen=True)
class Nodes:
    """On the nodes of a cluster that is up; each has proved itself, or says why not."""

    examined: tuple[Examined, ...]
    most: int | None
    """What was typed behind --workers."""

    @property
    def workers(self) -> int:
        """How many trials would train at once."""
        slots = sum(len(node.slots) for node in self.examined)
        return max(1, slots if self.most is None else min(slots, self.most))

    def say(self, console: Console) -> None:
        """Print a line for each node."""
        console.print()
        show_nodes(self.examined)
        console.print()

    def plain(self) -> dict[str, object]:
        """Return each node."""
        return {"places": [plain_node(node) for node in self.examined]}


@dataclass(frozen=True)
class Unreachable:
    """On a cluster that cannot be asked now."""

    fault: Fault
    workers: int

    def say(self, console: Console) -> None:
        """Print why, and what to type."""
        formatter = formatter_for(console)
        console.print(Text(formatter.line(f"places: {self.fault.message}"), "yellow"))
        if self.fault.next_command:
            console.print(Text(formatter.line(f"next:   {self.fault.next_command}"), "yellow"))

    def plain(self) -> dict[str, object]:
        """Return why."""
        return {"unreachable": self.fault.message, "next": self.fault.next_command}


def planned_places(
    manner: Manner, place: Place, options: StartOptions, slots: tuple[Slot, ...], tag: str
) -> Planned:
    """Return where a start's trials would run; the nodes of a Ray cluster are asked."""
    if manner.where.is_local:
        return Here(slots)
    if manner.where.engine == SLURM:
        return _batch(manner, options, tag)
    try:
        return Nodes(_examined(manner, place), manner.workers)
    except Fault as fault:
        return Unreachable(fault, manner.workers or 1)


def _batch(manner: Manner, options: StartOptions, tag: str) -> Batch:
    request = manner.slurm.request(manner.where, options.hours.value, options.workers.value)
    driver: tuple[str, ...] = ()
    if manner.goes_inside:
        driver = driver_command(tag, manner.words())
    return Batch(planned_batch(request, tag, driver), request.places)


def _examined(manner: Manner, place: Place) -> tuple[Examined, ...]:
    """Prove each node of a Ray cluster; return the results."""
    from agent.evaluate.cluster.ray_cluster import RayCluster

    with waiting(f"{manner.where}, to connect"):
        cluster = RayCluster(manner.where.address)
    try:
        with waiting("every node to prove itself"):
            return examine(cluster, demands_of(place))
    finally:
        cluster.close()
