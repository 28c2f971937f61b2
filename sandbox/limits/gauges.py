"""Measures a run's use of resources against its limits, each at its own rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.ground.outcome import RunSpec
from sandbox.limits import meter
from sandbox.limits.cgroup import Group
from sandbox.limits.disk import Disk, folder_use
from sandbox.limits.launch import Launch
from sandbox.limits.memory import Memory
from sandbox.limits.meter import Meter
from sandbox.limits.vram import Vram

CORES_TICK = 1.0
"""Seconds between two looks at the cores of a run, at the least."""
ANY_SIZE = 1 << 60
"""More bytes than any folder has."""

Measured = Literal["memory", "vram", "disk", "cores"]


@dataclass
class Gauges:
    """The meters of one run."""

    spec: RunSpec
    launch: Launch
    vram: Vram
    members: Callable[[], list[int]]
    """Returns the process ids of the tree."""

    def __post_init__(self) -> None:
        spec = self.spec
        segments = self.launch.segments.held if self.launch.segments else _no_segments
        memory = Memory(
            spec.scratch,
            spec.limits.memory_bytes,
            self.members,
            self.launch.namespace,
            segments,
        )
        self.memory = Meter(memory.read)
        given = folder_use(spec.folder, ANY_SIZE) if spec.folder_is_writable else 0
        self.device = Disk(spec.scratch, spec.limits.disk_bytes, self.members, given)
        self.gpu_memory = Meter(self.vram.held)
        self.cores = Meter(self._foreign_cores, least=CORES_TICK)
        self.disk = Meter(self.device.read, urgent=self.device.urgent)

    def passed(self, now: float, *, group: Group | None, ready: bool) -> Measured | None:
        """Return the limit that the run has passed, or None.

        ready: whether the command has started; before that, the processes are the launcher's, which
        may use every core. Raise SandboxFault if the disk is nearly full.
        """
        limits = self.spec.limits
        if self.memory.over(limits.memory_bytes, now) or (group and group.kills()):
            return "memory"
        if self.spec.gpus and self.gpu_memory.over(limits.vram_bytes, now):
            return "vram"
        if self.disk.over(limits.disk_bytes, now):
            return "disk"
        self.device.check_floor()
        if ready and self.cores.over(0, now):
            return "cores"
        return None

    def _foreign_cores(self) -> int:
        """Return the number of cores that the tree may use beyond the run's own.

        It can be positive only without a seccomp filter.
        """
        given = set(self.spec.cpus)
        if not given or not self.launch.counts_cores:
            return 0
        return len(meter.cores(self.members()) - given)


def _no_segments(_: list[int]) -> int:
    return 0
