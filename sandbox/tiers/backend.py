"""The base of all back ends: a launch, and its supervision."""

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
    """Runner. Each tier is a subclass that defines its launch."""

    tier: ClassVar[str]
    system: ClassVar[str]
    """The sys.platform that it is for."""

    launcher: str = mounts.launcher_interpreter()
    """The interpreter that builds the walls, or takes the last steps inside them."""

    def __post_init__(self) -> None:
        self._ahead = Ahead(self.launcher)

    def ahead(self, talking: bool) -> Launcher:
        """Start a launcher ahead of its use, without anything around it."""
        return self._ahead.take(talking=talking)

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        """Run `spec`; return its outcome. See the Runner protocol."""
        with self.launch(spec) as launch:
            return supervise.run(launch, spec, cancel)

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
        """Run `spec` with `dialogue`; return its outcome. See the Runner protocol."""
        with self.launch(spec) as launch:
            return supervise.converse(launch, spec, cancel, dialogue)

    @abstractmethod
    def launch(self, spec: RunSpec) -> AbstractContextManager[Launch]:
        """Yield the launch of `spec`; files that it needs exist until the block ends.

        Raise SandboxFault if it cannot be built on this machine.
        """
