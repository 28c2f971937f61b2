"""The places where trials run at once: an accelerator each, or a share of the cores, never oversubscribed."""

import os
import re
from pathlib import Path

from agent.errors import UsageFault
from sandbox.environment import available_cpus
from sandbox.record import Record


class Slot(Record):
    """One place for one trial: the core and accelerator indices that are its own."""

    number: int
    cpus: tuple[int, ...]
    gpus: tuple[int, ...] = ()


def make_slots(workers: int, cpus: tuple[int, ...], gpus: tuple[int, ...]) -> tuple[Slot, ...]:
    """Share the cores (and accelerators, where there are any) out among `workers` slots; UsageFault where they do not suffice."""
    have, what = (len(gpus), "accelerators") if gpus else (len(cpus), "cores")
    if not 1 <= workers <= have:
        raise UsageFault(
            f"{workers} workers on {have} {what}: trials that share one are measured against each other's load",
            f"autoresearch start --workers {have}   # or resume --workers {have}",
        )
    return tuple(
        Slot(number=i, cpus=cores, gpus=gpus[i::workers] if gpus else ()) for i, cores in enumerate(share_out(cpus, workers))
    )


def share_out(cpus: tuple[int, ...], workers: int) -> tuple[tuple[int, ...], ...]:
    """Equally many cores for each of `workers`, so that none is measured with more; no core twice, and none for those who are too
    many."""
    share = len(cpus) // workers or 1
    return tuple(cpus[i * share : (i + 1) * share] for i in range(workers))


def this_machine() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The cores this process may use and the NVIDIA devices it can see (CUDA_VISIBLE_DEVICES obeyed), without importing torch."""
    devices = sorted(int(match[1]) for path in Path("/dev").glob("nvidia*") if (match := re.fullmatch(r"nvidia(\d+)", path.name)))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        wanted = {int(part) for part in visible.split(",") if part.strip().isdigit()}
        devices = [device for device in devices if device in wanted]
    return available_cpus(), tuple(devices)
