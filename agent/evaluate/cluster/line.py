"""The interface of a connection to a node: questions and answers, as text and bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import PlaceLost

NO_NODE = "the cluster has no node with a CPU to train on"


class Gone(Exception):
    """The node's process is dead, or counts as dead after a long silence."""


class Silent(Exception):
    """There is no answer for now; the question may be asked again later."""


class Unfit(Exception):
    """A place cannot do what it is asked, by its own answer or by what it returned.

    next_command: what to type there, or None.
    """

    def __init__(self, message: str, next_command: str | None = None) -> None:
        super().__init__(message)
        self.next_command = next_command


STATUS = "RAY_AUTH_MODE=token ray status   # on the cluster's head"
"""What shows whether a cluster is up, and which nodes it has."""


def unreachable(gone: Gone) -> PlaceLost:
    """Return the fault of a cluster whose nodes cannot be asked for."""
    return PlaceLost(f"the cluster cannot be reached: {gone}", STATUS)


class Line(Protocol):
    """A connection to the station of one place. Thread-safe."""

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Return an answer as JSON, and its bytes. Raise Gone or Silent."""
        ...

    def close(self) -> None:
        """Kill the station's process."""
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
    """A cluster whose nodes may become places."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are alive. Raise Gone if the cluster cannot be reached."""
        ...

    def line(self, node: Node, cpus: int, gpus: int) -> Line:
        """Start a station with so many CPUs and GPUs of a node. Raise Gone if they are in use."""
        ...

    def close(self) -> None:
        """Disconnect from the cluster, and end it if it was started for this run."""
        ...
