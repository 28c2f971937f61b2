"""Records a run's use of the machine over time, as a few hundred rows of CSV beside its log.

It is for information only: unreadable values are left out, and a failure to write is ignored.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.ground import nvml
from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.log import Log
from sandbox.ground.processes import read_file

SUFFIX = ".usage.csv"
"""Of the file beside the log, in the place of `.log`."""
COLUMNS = ("seconds", "cores", "memory_mb", "gpu_percent", "gpu_memory_mb", "gpu_celsius")
EVERY = 1.0
"""Seconds between two looks at the beginning."""
MOST = 360
"""Rows; when there are so many, every second one is dropped, and looks are half as frequent."""
LEAST = 3
"""Fewer rows are no curve, and no file is written."""
MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
Row = tuple[float | None, ...]


@dataclass
class Usage:
    """The trace of one run."""

    gpus: Sequence[Device]
    members: Callable[[], list[int]]
    """Returns the run's processes."""
    memory: Callable[[], int]
    """Returns the bytes that the run held when they were measured last."""
    rows: list[Row] = field(default_factory=list)
    every: float = EVERY
    _due: float = EVERY
    _before: tuple[float, float] | None = None
    """The seconds and the processor time of the look before."""

    def note(self, seconds: float) -> None:
        """Look, if it is time. seconds: since the start of the run."""
        if seconds < self._due:
            return
        self._due = seconds + self.every
        memory = round(self.memory() / MIB, 1)
        self.rows.append((round(seconds, 1), self._cores(seconds), memory, *_gpus_of(self.gpus)))
        if len(self.rows) >= MOST:
            self.rows = self.rows[1::2]
            self.every *= 2

    def _cores(self, seconds: float) -> float | None:
        """Return how many cores were busy since the last look; None at the first."""
        used = sum(map(_processor_seconds, self.members()))
        before = self._before
        self._before = (seconds, used)
        if before is None or seconds <= before[0]:
            return None
        # A process that has ended takes its time with it.
        return round(max(0.0, (used - before[1]) / (seconds - before[0])), 2)

    def write(self, log: str) -> None:
        """Write the rows beside the log, if there are some."""
        if len(self.rows) < LEAST:
            return
        lines = [",".join(COLUMNS), *(",".join(map(_cell, row)) for row in self.rows)]
        with suppress(SandboxFault), Log(str(Path(log).with_suffix(SUFFIX))) as file:
            file.write("\n".join([*lines, ""]).encode())


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of the children that it has waited for."""
    fields = read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS if len(fields) > 15 else 0.0


def _gpus_of(gpus: Sequence[Device]) -> tuple[float | None, float | None, float | None]:
    """Return the mean load, all memory and the highest temperature of the GPUs, where readable."""
    states = [nvml.state(gpu.name) for gpu in gpus if gpu.vendor == "nvidia"]
    loads = [state.percent for state in states if state.percent is not None]
    held = [state.memory for state in states if state.memory is not None]
    heats = [state.celsius for state in states if state.celsius is not None]
    return (
        round(sum(loads) / len(loads), 1) if loads else None,
        round(sum(held) / MIB, 1) if held else None,
        max(heats) if heats else None,
    )


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
