"""The name of this machine, which is recorded with scores."""

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

from sandbox.ground.devices import NoSuchDevice, visible_devices


@cache
def machine_name() -> str:
    """Return the machine's name: `3f9a01c2 NVIDIA H100`, or `3f9a01c2 x86_64` without a GPU.

    A MIG slice's model names its size. Workers that run at once have one model.
    """
    identity = read_text("/etc/machine-id") or platform.node()
    digits = hashlib.sha256(f"{identity} {_processor()}".encode()).hexdigest()[:8]
    return f"{digits} {_accelerator() or platform.machine()}"


def read_text(path: str | Path) -> str:
    """Return the text of a system file; "" if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _accelerator() -> str:
    """Return the model of the first accelerator that trials may use here; "" without one."""
    try:
        gpus = visible_devices(os.environ, Path("/"))
    except NoSuchDevice:
        return ""
    if not gpus:
        return ""
    return gpus[0].model or f"{gpus[0].vendor} GPU"


def _processor() -> str:
    for line in read_text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
