"""The machine that a score is measured on: a lasting name, its clock and its temperature."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean

from agent.errors import UsageFault
from agent.evaluate.slots import this_machine
from sandbox.ground.devices import Device

SYSTEM = Path("/sys")


@cache
def machine_name() -> str:
    """Return the machine's name: `3f9a01c2 NVIDIA H100`, or `3f9a01c2 x86_64` without a GPU.

    A MIG slice's model names its size. Workers that run at once have one model.
    """
    identity = _read("/etc/machine-id") or platform.node()
    digits = hashlib.sha256(f"{identity} {_processor()}".encode()).hexdigest()[:8]
    return f"{digits} {_accelerator() or platform.machine()}"


def total_memory() -> int:
    """Return the bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Conditions:
    """The state of the processor or GPU that computes; None where the machine does not say."""

    clock: float | None = None
    """MHz."""
    celsius: float | None = None


def conditions(cpus: Sequence[int], gpus: Sequence[Device], system: Path = SYSTEM) -> Conditions:
    """Return the state of a slot now: of its first GPU (by nvidia-smi), else of its cores.

    system: where Linux shows its devices. A virtual machine shows neither clock nor temperature. A
    MIG slice has those of its card.
    """
    if gpus:
        return _gpu_conditions(gpus[0])
    clocks = []
    for cpu in cpus:
        kilohertz = _read(system / f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq")
        clocks.append(_thousandth(kilohertz))
    zones = system.glob("class/thermal/thermal_zone*/temp")
    temperatures = [_thousandth(_read(zone)) for zone in zones]
    shown = [clock for clock in clocks if clock is not None]
    return Conditions(
        clock=round(fmean(shown), 1) if shown else None,
        celsius=max((heat for heat in temperatures if heat is not None), default=None),
    )


def _gpu_conditions(gpu: Device) -> Conditions:
    if gpu.vendor != "nvidia":
        return Conditions()
    card = gpu.card or gpu.name
    words = _smi("clocks.sm,temperature.gpu", f"--id={card}", unit="nounits").split(",")
    if len(words) != 2:
        return Conditions()
    return Conditions(clock=_float(words[0]), celsius=_float(words[1]))


def _thousandth(text: str) -> float | None:
    value = _float(text)
    return None if value is None else value / 1000


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _accelerator() -> str:
    """Return the model of the first accelerator that trials may use here; empty without one."""
    try:
        _, gpus = this_machine()
    except UsageFault:
        return ""
    if not gpus:
        return ""
    return gpus[0].model or f"{gpus[0].vendor} GPU"


def _smi(query: str, *options: str, unit: str = "") -> str:
    """Return what nvidia-smi answers, a line for each device; empty without one."""
    form = ",".join(part for part in ("csv", "noheader", unit) if part)
    command = ["nvidia-smi", f"--query-gpu={query}", f"--format={form}", *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
