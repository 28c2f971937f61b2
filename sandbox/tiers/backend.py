"""What every back end is: a launch, and the watch over it."""

import threading
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from sandbox.ground.outcome import Dialogue, Outcome, RunSpec
from sandbox.limits import supervise
from sandbox.limits.launch import Launch
from sandbox.walls import mounts
from sandbox.walls.launcher import Ahead, Launcher


@dataclass
class BackEnd(ABC):
    """Runner. A tier is one subclass, which says how its launch is made."""

    tier: ClassVar[str]
    system: ClassVar[str]
    """The sys.platform that it is for."""

    launcher: str = mounts.launcher_interpreter()
    """The interpreter that builds the walls, or takes the last steps inside them."""

    def __post_init__(self) -> None:
        self._ahead = Ahead(self.launcher)

    def ahead(self, talking: bool) -> Launcher:
        """Return a launcher that nothing is wrapped around, started ahead."""
        return self._ahead.take(talking=talking)

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        """Return how `spec` ended; see the Runner protocol."""
        with self.launch(spec) as launch:
            return supervise.run(launch, spec, cancel)

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
        """Return how `spec` ended after `dialogue`; see the Runner protocol."""
        with self.launch(spec) as launch:
            return supervise.converse(launch, spec, cancel, dialogue)

    @abstractmethod
    def launch(self, spec: RunSpec) -> AbstractContextManager[Launch]:
        """Return what starts `spec`, with what it needs on disk until the tree is dead.

        Raise SandboxFault where it cannot be built here.
        """
