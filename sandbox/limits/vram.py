"""Measures a run's GPU memory: the use of its devices beyond their use before it.

By NVML, so NVIDIA only; not run on such a machine yet. A trial owns its GPUs or MIG slices, so
all memory in use on them beyond what was in use before it started counts as the trial's. A
process inside a container sees other process ids than the driver, which is why this does not ask
for them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.ground import nvml
from sandbox.ground.devices import Device, listed
from sandbox.ground.fault import SandboxFault

SLACK_BYTES = 64 << 20
"""How much more a driver may hold after a run than before it, for its own tables."""
RELEASE_SECONDS = 15.0


def used(device: Device) -> int | None:
    """Return the bytes in use on the device, or None where its driver does not report them."""
    return nvml.memory_used(device.name) if device.vendor == "nvidia" else None


@dataclass
class Vram:
    """Measures the memory that a run holds on its devices.

    Making one raises SandboxFault where there is a limit and a driver does not report its use.
    """

    gpus: tuple[Device, ...]
    limit: int | None = None
    """Bytes."""
    read: Callable[[Device], int | None] = used
    """Returns the bytes in use on a device."""

    def __post_init__(self) -> None:
        if self.limit is not None:
            self._check_drivers()
        self.before = self._total()
        self.peak = 0

    def _check_drivers(self) -> None:
        silent = [device for device in self.gpus if self.read(device) is None]
        if silent:
            raise SandboxFault(
                "--vram cannot be held: the driver does not report how much memory is in use"
                f" on {listed(silent)}",
                "nvidia-smi   # or leave --vram out",
            )

    def held(self) -> int:
        """Return the bytes that the run holds now."""
        now = max(0, self._total() - self.before)
        self.peak = max(self.peak, now)
        return now

    def wait_until_released(self) -> None:
        """Wait, after the run is dead, until at least half of what it held is free.

        Not all of it: a desktop on the same GPU also takes some now and then. Raise SandboxFault
        where it is not freed in time, because the next trial would miss it.
        """
        deadline = time.monotonic() + RELEASE_SECONDS
        left = self.held()
        while left > max(SLACK_BYTES, self.peak // 2):
            if time.monotonic() > deadline:
                message = f"{listed(self.gpus)} still holds {left} bytes of a run that was killed"
                raise SandboxFault(message, "nvidia-smi")
            time.sleep(0.1)
            left = self.held()

    def _total(self) -> int:
        return sum(self.read(device) or 0 for device in self.gpus)
