"""The driver's view of a node: a place, a refused node, or one in reserve."""

import threading
from dataclasses import dataclass, field

from agent.evaluate.cluster.line import Node
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.wire import Standing
from agent.records.slots import Slot


@dataclass
class Member:
    """A node that is a place, may become one, or was refused."""

    node: Node
    name: str
    """As it is shown, unique among the nodes of the run."""
    place: Place | None = None
    slots: tuple[Slot, ...] = ()
    share: int = 0
    """How many of the run's workers it holds."""
    refused: str = ""
    tries: int = 0
    again_at: float = 0.0
    standing: Standing | None = field(default=None, repr=False)
    joining: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held while the node proves itself; a second caller waits for the outcome."""
