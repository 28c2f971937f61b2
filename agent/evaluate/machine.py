"""Which machine a score was measured on, and the state it was in: a name that stays the same between runs, clock and heat."""

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
    """`3f9a01c2 NVIDIA H100` or `3f9a01c2 x86_64`: eight digits of the machine's identity, and what computes on it.

    A MIG slice's model names its size. Workers that run at once have one model.
    """
    identity = _read("/etc/machine-id") or platform.node()
    digits = hashlib.sha256(f"{identity} {_processor()}".encode()).hexdigest()[:8]
    return f"{digits} {_accelerator() or platform.machine()}"


def total_memory() -> int:
    """Bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Conditions:
    """How fast what computes was clocked (MHz) and how hot it was (degrees Celsius); None where the machine does not say."""

    clock: float | None = None
    celsius: float | None = None


def conditions(cpus: Sequence[int], gpus: Sequence[Device], system: Path = SYSTEM) -> Conditions:
    """Of a slot, now: of its first GPU (by nvidia-smi, not run on such a machine yet), else of its cores.

    system: where Linux shows its devices. A virtual machine shows neither clock nor heat. Of a MIG slice its card's are told.
    """
    if gpus and gpus[0].vendor != "nvidia":
        return Conditions()
    if gpus:
        card = gpus[0].card or gpus[0].name
        words = _smi("clocks.sm,temperature.gpu", f"--id={card}", unit="nounits").split(",")
        clock, celsius = (_float(word) for word in words) if len(words) == 2 else (None, None)
        return Conditions(clock, celsius)
    clocks = [
        _float(_read(system / f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"))
        for cpu in cpus
    ]
    heat = [_float(_read(path)) for path in system.glob("class/thermal/thermal_zone*/temp")]
    known = [clock / 1000 for clock in clocks if clock is not None]
    hot = [celsius / 1000 for celsius in heat if celsius is not None]
    return Conditions(round(fmean(known), 1) if known else None, max(hot, default=None))


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _accelerator() -> str:
    """Return the model of the first accelerator that trials may use here; nothing without one."""
    try:
        _, gpus = this_machine()
    except UsageFault:
        return ""
    return gpus[0].model or f"{gpus[0].vendor} GPU" if gpus else ""


def _smi(query: str, *options: str, unit: str = "") -> str:
    """What nvidia-smi answers, a line for each device; nothing where there is none."""
    form = ",".join(part for part in ("csv", "noheader", unit) if part)
    command = ["nvidia-smi", f"--query-gpu={query}", f"--format={form}", *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""


def _processor() -> str:
    lines = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return lines[0].partition(":")[2].strip() if lines else platform.processor()


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
