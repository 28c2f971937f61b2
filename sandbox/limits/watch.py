"""Watches a running process tree on the harness's clock until it has ended or must end."""

import threading
import time
from dataclasses import dataclass, field
from typing import Literal

from sandbox.ground.fault import SandboxFault
from sandbox.limits.meter import TICK
from sandbox.limits.tree import Tree, select_readable
from sandbox.limits.usage import Usage

Reason = Literal["wall", "memory", "vram", "disk", "output", "cores", "cancel", "dialogue"]
"""Why a tree was ended."""


@dataclass
class Watch:
    """Watches one process tree."""

    tree: Tree
    cancel: threading.Event
    """Set from outside to end the run."""
    dismissed: threading.Event = field(default_factory=threading.Event)
    """Set when the run's dialogue is over."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set here when the tree is dead."""
    reason: Reason | None = None
    seconds: float = 0.0
    """How long the tree lived."""

    def keep(self) -> None:
        """Log output and check limits until the tree ends or has to; then kill the rest."""
        tree = self.tree
        usage = Usage(tree.spec.gpus, tree.members, lambda: tree.gauges.memory.last)
        try:
            open_descriptors = [tree.status, tree.output]
            while self._may_go_on() and tree.process.poll() is None:
                waiting = list(open_descriptors)
                if tree.pidfd is not None:
                    waiting.append(tree.pidfd)
                readable = select_readable(waiting, TICK)
                for descriptor in set(readable) & set(open_descriptors):
                    if not self._read(descriptor):
                        open_descriptors.remove(descriptor)
                self.reason = self.reason or self._limit_passed()
                usage.note(time.monotonic() - tree.started)
        except SandboxFault as fault:
            tree.fault = tree.fault or fault
        finally:
            self.seconds = time.monotonic() - tree.started
            tree.kill()
            self._drain()
            usage.write(tree.spec.log)
            self.ended.set()

    def _may_go_on(self) -> bool:
        return self.reason is None and self.tree.may_go_on

    def _read(self, descriptor: int) -> bool:
        """Take one chunk; return False at the end of the pipe."""
        goes_on = self.tree.read(descriptor)
        if self.tree.overflowed:
            self.reason = self.reason or "output"
        return goes_on

    def _limit_passed(self) -> Reason | None:
        now = time.monotonic()
        tree = self.tree
        if self.cancel.is_set():
            return "cancel"
        if now - tree.started > tree.spec.limits.wall_seconds:
            return "wall"
        if self.dismissed.is_set():
            return "dialogue"
        return tree.gauges.passed(now, group=tree.group, ready=tree.reports.ready)

    def _drain(self) -> None:
        """Read the rest of the dead tree's output, up to a limit."""
        for descriptor in (self.tree.status, self.tree.output):
            while select_readable([descriptor], 0) and self._read(descriptor):
                if self.reason == "output":
                    break
