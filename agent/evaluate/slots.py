"""Divides this machine into slots for trials: an accelerator each, or a share of the cores."""

import os
from collections.abc import Mapping
from pathlib import Path

from agent.errors import UsageFault
from agent.records.slots import Slot
from sandbox.ground.devices import (
    VARIABLES,
    Device,
    NoSuchDevice,
    for_one_process,
    listed,
    visible_devices,
)
from sandbox.walls.environment import available_cpus

__all__ = ["Slot", "make_slots", "share_out", "this_machine"]


def make_slots(workers: int, cpus: tuple[int, ...], gpus: tuple[Device, ...]) -> tuple[Slot, ...]:
    """Divide the cores and accelerators among `workers` slots.

    Raise UsageFault if there are too few, or if the slots would have different kinds of
    accelerators.
    """
    have = len(gpus) if gpus else len(cpus)
    what = "accelerators" if gpus else "cores"
    if not 1 <= workers <= have:
        raise UsageFault(
            f"{workers} workers on {have} {what}: "
            "trials that share one are measured against each other's load",
            f"autoresearch start --workers {have}   # or resume --workers {have}",
        )
    own = [for_one_process(gpus[i::workers]) for i in range(workers)]
    if workers > 1:
        _refuse_mixed(own, gpus)
    shares = share_out(cpus, workers)
    return tuple(Slot(number=i, cpus=cores, gpus=own[i]) for i, cores in enumerate(shares))


def _refuse_mixed(own: list[tuple[Device, ...]], gpus: tuple[Device, ...]) -> None:
    """Raise UsageFault if the slots have different kinds of accelerators."""
    kinds: set[str] = set()
    for devices in own:
        kinds |= {device.model for device in devices}
    if len(kinds) <= 1:
        return
    variable = VARIABLES[gpus[0].vendor][0]
    alike = ",".join(device.name for device in gpus if device.model == gpus[0].model)
    raise UsageFault(
        "trials on different accelerators cannot be compared, "
        f"and these are of {len(kinds)} kinds: {listed(gpus)}",
        f"{variable}={alike} autoresearch start",
    )


def share_out(cpus: tuple[int, ...], workers: int) -> tuple[tuple[int, ...], ...]:
    """Return as many cores for each of `workers`, so that none is measured with more.

    No core is given twice; workers beyond the number of cores get none.
    """
    share = len(cpus) // workers or 1
    return tuple(cpus[i * share : (i + 1) * share] for i in range(workers))


def this_machine(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> tuple[tuple[int, ...], tuple[Device, ...]]:
    """Return the cores this process may use and the accelerators that the environment allows.

    Does not import torch. Raise UsageFault if the environment names a device that is not here.
    root: as for `visible_devices`.
    """
    try:
        return available_cpus(), visible_devices(environ, root)
    except NoSuchDevice as missing:
        variable = str(missing).partition(" ")[0]
        why = "on the CPU; `autoresearch doctor` lists the accelerators"
        raise UsageFault(str(missing), f"{variable}= autoresearch start   # {why}") from None
