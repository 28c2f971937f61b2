"""The places where trials run at once: an accelerator each, or a share of the cores, never oversubscribed."""

import os
from collections.abc import Mapping
from pathlib import Path

from agent.errors import UsageFault
from sandbox.ground.devices import (
    VARIABLES,
    Device,
    NoSuchDevice,
    for_one_process,
    listed,
    visible_devices,
)
from sandbox.ground.record import Record
from sandbox.walls.environment import available_cpus


class Slot(Record):
    """One place for one trial: the cores, by index, and the accelerators that are its own."""

    number: int
    cpus: tuple[int, ...]
    gpus: tuple[Device, ...] = ()


def make_slots(workers: int, cpus: tuple[int, ...], gpus: tuple[Device, ...]) -> tuple[Slot, ...]:
    """Share the cores (and accelerators, where there are any) out among `workers` slots.

    Raise UsageFault where they do not suffice, or where the workers would train on different kinds of accelerator.
    """
    have = len(gpus) if gpus else len(cpus)
    what = "accelerators" if gpus else "cores"
    if not 1 <= workers <= have:
        raise UsageFault(
            f"{workers} workers on {have} {what}: trials that share one are measured against each other's load",
            f"autoresearch start --workers {have}   # or resume --workers {have}",
        )
    own = [for_one_process(gpus[i::workers]) for i in range(workers)]
    kinds = {device.model for devices in own for device in devices}
    if workers > 1 and len(kinds) > 1:
        variable = VARIABLES[gpus[0].vendor][0]
        alike = ",".join(device.name for device in gpus if device.model == gpus[0].model)
        message = f"trials on different accelerators cannot be compared, and these are of {len(kinds)} kinds: {listed(gpus)}"
        raise UsageFault(message, f"{variable}={alike} autoresearch start")
    shares = share_out(cpus, workers)
    return tuple(Slot(number=i, cpus=cores, gpus=own[i]) for i, cores in enumerate(shares))


def share_out(cpus: tuple[int, ...], workers: int) -> tuple[tuple[int, ...], ...]:
    """Equally many cores for each of `workers`, so that none is measured with more; no core twice, and none for those who are too
    many."""
    share = len(cpus) // workers or 1
    return tuple(cpus[i * share : (i + 1) * share] for i in range(workers))


def this_machine(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> tuple[tuple[int, ...], tuple[Device, ...]]:
    """Return the cores this process may use and the accelerators that the environment allows, without importing torch.

    Raise UsageFault where a device is asked for that is not here. root: as for visible_devices.
    """
    try:
        return available_cpus(), visible_devices(environ, root)
    except NoSuchDevice as missing:
        variable = str(missing).partition(" ")[0]
        next_command = f"{variable}= autoresearch start   # on the CPU; `autoresearch doctor` lists the accelerators"
        raise UsageFault(str(missing), next_command) from None
