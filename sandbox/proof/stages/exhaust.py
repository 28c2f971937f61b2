"""Rows that try the machine's patience: time, memory, disk, output, processes.

Each function yields what went wrong, a phrase each.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.ground import nvml
from sandbox.ground.outcome import MIB, Crashed, Finished, LimitExceeded, OutOfMemory, TimedOut
from sandbox.limits import vram
from sandbox.proof.stage import HOG, MEMORY, QUOTA, SHORT, NotHere, Stage, must_be

GPU_SECONDS = 15.0
"""In which torch has loaded and holds its memory."""
MEMORY_HOGS = ("private_memory", "shared_memory", "memory_file", "many_processes")
DISK_HOGS = (("one_file", QUOTA), ("small_files", 4 * MIB), ("unlinked_files", QUOTA))


def ignores_signals(stage: Stage) -> Iterator[str]:
    """Ignore every signal that can be ignored."""
    yield from must_be(stage.run("exhaust.ignore_signals", wall_seconds=SHORT), TimedOut)


def closes_output(stage: Stage) -> Iterator[str]:
    """Close the output and run on."""
    yield from must_be(stage.run("exhaust.close_output", wall_seconds=SHORT), TimedOut)


def daemons(stage: Stage) -> Iterator[str]:
    """Leave the session."""
    stage.run("exhaust.daemonise")
    yield from stage.survivors()


def fork_bomb(stage: Stage) -> Iterator[str]:
    """Fork without end, also on the way out."""
    yield from must_be(stage.run("exhaust.fork_bomb", wall_seconds=SHORT, processes=40), TimedOut)
    yield from stage.survivors()
    stage.run("exhaust.fork_bomb_on_the_way_out", wall_seconds=SHORT, processes=40)
    yield from stage.survivors()


def memory(stage: Stage) -> Iterator[str]:
    """Take memory of every kind."""
    for name in MEMORY_HOGS:
        ran = stage.run(f"exhaust.{name}", memory_bytes=MEMORY, disk_bytes=2 * HOG)
        yield from (f"{name} {wrong}" for wrong in must_be(ran, OutOfMemory))
    ran = stage.run("exhaust.shared_file", memory_bytes=MEMORY, disk_bytes=2 * HOG)
    if "No space left" not in ran.output:  # its own /dev/shm may be full before it is killed
        yield from (f"shared_file {wrong}" for wrong in must_be(ran, OutOfMemory))


def disk(stage: Stage) -> Iterator[str]:
    """Fill the disk with one file, with many, and with files without a name."""
    for name, quota in DISK_HOGS:
        ran = stage.run(f"exhaust.{name}", disk_bytes=quota)
        yield from (f"{name} {wrong}" for wrong in must_be(ran, LimitExceeded))
        for left in stage.scratch.iterdir():
            left.unlink()


def flood(stage: Stage) -> Iterator[str]:
    """Print without end."""
    cap = 8 * MIB
    yield from must_be(stage.run("exhaust.flood", output_bytes=cap), LimitExceeded)
    if stage.log.stat().st_size != cap:
        yield f"the log has {stage.log.stat().st_size} bytes"


def long_line(stage: Stage) -> Iterator[str]:
    """Print a line of 3 MB."""
    yield from must_be(stage.run("exhaust.one_long_line"), Finished)


def aborts(stage: Stage) -> Iterator[str]:
    """Abort, which dumps a core where it may."""
    yield from must_be(stage.run("exhaust.abort"), Crashed)
    left = [path.name for path in stage.scratch.iterdir()]
    if left:
        yield f"it left {left}"


def late_results(stage: Stage) -> Iterator[str]:
    """Write a result after the end of the run."""
    yield from must_be(stage.run("exhaust.outlive"), Finished)
    time.sleep(0.8)
    if (stage.scratch / "late").exists():
        yield "a result was written after the end"


def gpu_memory(stage: Stage) -> Iterator[str]:
    """Hold memory of a GPU until it is killed."""
    if not Path("/dev/nvidiactl").exists():
        raise NotHere(
            "no NVIDIA GPU here; sandbox/limits/vram.py waits for the memory after every run"
        )
    if not stage.gpus:
        raise NotHere("no GPU was given to the attacks; `make gpu-check` gives one")
    before = nvml.memory_used(stage.gpus[0].name) or 0
    yield from must_be(stage.run("exhaust.hold_gpu_memory", wall_seconds=GPU_SECONDS), TimedOut)
    left = (nvml.memory_used(stage.gpus[0].name) or 0) - before
    if left > vram.SLACK_BYTES:
        yield f"{left} bytes of GPU memory are still held"
