"""The machine that a score is measured on: its name, clock and temperature."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from sandbox.ground.devices import Device
from sandbox.ground.machine import machine_name, read_text

SYSTEM = Path("/sys")

__all__ = ["Conditions", "conditions", "machine_name", "total_memory"]


def total_memory() -> int:
    """Return the bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Conditions:
    """The state of the processor or GPU; None for values that the machine does not report."""

    clock: float | None = None
    """MHz."""
    celsius: float | None = None


def conditions(cpus: Sequence[int], gpus: Sequence[Device], system: Path = SYSTEM) -> Conditions:
    """Return the present state of a slot's first GPU (by nvidia-smi), else of its cores.

    A virtual machine reports neither clock nor temperature. A MIG slice has those of its card.
    system: the folder in which Linux shows devices.
    """
    if gpus:
        return _gpu_conditions(gpus[0])
    clocks = []
    for cpu in cpus:
        kilohertz = read_text(system / f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq")
        clocks.append(_thousandth(kilohertz))
    zones = system.glob("class/thermal/thermal_zone*/temp")
    temperatures = [_thousandth(read_text(zone)) for zone in zones]
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


def _smi(query: str, *options: str, unit: str = "") -> str:
    """Return the answer of nvidia-smi, a line for each device; "" without one."""
    form = ",".join(part for part in ("csv", "noheader", unit) if part)
    command = ["nvidia-smi", f"--query-gpu={query}", f"--format={form}", *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""
