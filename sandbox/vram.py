"""GPU memory of NVIDIA devices, read through the driver's own library (NVML). From documentation: not run on such a machine.

A trial owns its GPUs, so all memory in use on them beyond what was in use before it started counts as the trial's. A process
inside a container sees other process ids than the driver, which is why this does not ask for them.
"""

import ctypes
import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.fault import SandboxFault

LIBRARY = "libnvidia-ml.so.1"
SLACK_BYTES = 64 << 20
"""What a driver may hold more after a run than before it, for its own tables."""
RELEASE_SECONDS = 15.0


class _Memory(ctypes.Structure):
    """nvmlMemory_t."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None


def used(index: int) -> int | None:
    """Bytes in use on the device `index`; None where the driver does not say."""
    library, handle, memory = _library(), ctypes.c_void_p(), _Memory()
    if library is None or library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)):
        return None
    return None if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) else int(memory.used)


@dataclass
class Vram:
    """What a run holds on its devices, over what they held before it."""

    gpus: tuple[int, ...]
    read: Callable[[int], int | None] = used

    def __post_init__(self) -> None:
        self.before = self._total(self.gpus)
        self.peak = 0

    def held(self) -> int:
        """Bytes now."""
        now = max(0, self._total(self.gpus) - self.before)
        self.peak = max(self.peak, now)
        return now

    def wait_until_released(self) -> None:
        """After the run is dead: SandboxFault where its devices keep memory that the next trial would miss.

        Half of what it held, at least: a desktop on the same GPU also takes some now and then.
        """
        deadline = time.monotonic() + RELEASE_SECONDS
        while (left := self.held()) > max(SLACK_BYTES, self.peak // 2):
            if time.monotonic() > deadline:
                devices = ", ".join(map(str, self.gpus))
                raise SandboxFault(f"GPU {devices} still holds {left} bytes of a run that was killed", "nvidia-smi")
            time.sleep(0.1)

    def _total(self, gpus: Iterable[int]) -> int:
        return sum(self.read(index) or 0 for index in gpus)
