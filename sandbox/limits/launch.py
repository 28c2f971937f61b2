"""A launch: how a back end starts a run's process tree, and how the tree is killed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.walls.launcher import Launcher
from sandbox.walls.segments import Segments


@dataclass(frozen=True)
class Launch:
    """A way to start the launcher, and its plan."""

    start: Callable[[bool], Launcher]
    """Starts it; the argument: whether with a dialogue."""
    plan: dict[str, Any]
    namespace: bool
    """Whether the tree has a first process of its own, whose death is everybody's."""
    sweep: Callable[[int], int] | None = None
    """Kills the tree of a process and returns how many were left.

    For a tree without a namespace whose launcher is no subreaper: a subreaper kills its tree
    itself.
    """
    segments: Segments | None = None
    """The shared memory files of a run that uses the machine's own /dev/shm."""
    counts_cores: bool = False
    """Whether the run could take cores that are not its own, and is watched for it."""

    @property
    def subreaper(self) -> bool:
        """Whether every orphan of the tree comes to the launcher (see the plan)."""
        return bool(self.plan["supervise"] == "subreaper")
