"""The line to a node: a question and its answer, as text and bytes, and what may come between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import PlaceLost

NO_NODE = "the cluster has no node with a CPU to train on"


class Gone(Exception):
    """The node's process is dead, or so long silent that it counts as dead. Says why."""


class Silent(Exception):
    """No answer for now, which is no proof of death: wait, then ask anew. Says why."""


class Unfit(Exception):
    """What a place says, or shows, of itself: it cannot do what it is asked. Says why.

    next_command: what to type there, or None.
    """

    def __init__(self, message: str, next_command: str | None = None) -> None:
        super().__init__(message)
        self.next_command = next_command


def unreachable(gone: Gone) -> PlaceLost:
    """Return the fault of a cluster whose nodes cannot be asked for."""
    return PlaceLost(f"the cluster cannot be reached: {gone}", "ray status")


class Line(Protocol):
    """A way to one place's station. Several threads may ask at once."""

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Return the JSON of an answer, and bytes beside it. Raise Gone or Silent."""
        ...

    def close(self) -> None:
        """End the station's process, whatever it does."""
        ...


@dataclass(frozen=True)
class Node:
    """A node of the cluster."""

    key: str
    """What the cluster calls it; a node that comes back has another one."""
    name: str
    """As it is shown: its host."""
    cpus: int
    gpus: int


class Cluster(Protocol):
    """The nodes that may become places."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are alive. Raise Gone where the cluster cannot be reached."""
        ...

    def line(self, node: Node, cpus: int, gpus: int) -> Line:
        """Start a station on a node that holds so much of it. Raise Gone where it is taken."""
        ...

    def close(self) -> None:
        """Leave the cluster; end it, if it was started for this run."""
        ...
