"""GPU memory of a run, over what its devices held before it. NVIDIA only, by NVML; not run on such a machine yet.

A trial owns its GPUs or MIG slices, so all memory in use on them beyond what was in use before it started counts as the
trial's. A process inside a container sees other process ids than the driver, which is why this does not ask for them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.ground import nvml
from sandbox.ground.devices import Device, listed
from sandbox.ground.fault import SandboxFault

SLACK_BYTES = 64 << 20
"""What a driver may hold more after a run than before it, for its own tables."""
RELEASE_SECONDS = 15.0


def used(device: Device) -> int | None:
    """Return the bytes in use on the device; None where its driver does not say."""
    return nvml.memory_used(device.name) if device.vendor == "nvidia" else None


@dataclass
class Vram:
    """What a run holds on its devices. Raise SandboxFault where it has a limit and the driver does not say what is in use."""

    gpus: tuple[Device, ...]
    limit: int | None = None
    read: Callable[[Device], int | None] = used

    def __post_init__(self) -> None:
        silent = [
            device for device in self.gpus if self.limit is not None and self.read(device) is None
        ]
        if silent:
            message = f"--vram cannot be held: the driver does not say how much memory is in use on {listed(silent)}"
            raise SandboxFault(message, "nvidia-smi   # or leave --vram out")
        self.before = self._total()
        self.peak = 0

    def held(self) -> int:
        """Return the bytes held now."""
        now = max(0, self._total() - self.before)
        self.peak = max(self.peak, now)
        return now

    def wait_until_released(self) -> None:
        """Wait, after the run is dead, until its memory is free; raise SandboxFault where the next trial would miss some.

        Half of what it held, at least: a desktop on the same GPU also takes some now and then.
        """
        deadline = time.monotonic() + RELEASE_SECONDS
        while (left := self.held()) > max(SLACK_BYTES, self.peak // 2):
            if time.monotonic() > deadline:
                message = f"{listed(self.gpus)} still holds {left} bytes of a run that was killed"
                raise SandboxFault(message, "nvidia-smi")
            time.sleep(0.1)

    def _total(self) -> int:
        return sum(self.read(device) or 0 for device in self.gpus)
