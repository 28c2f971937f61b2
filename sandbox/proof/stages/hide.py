"""Rows that hide what they use of the disk, memory and cores, or write to /proc and the log.

Each function yields what went wrong, a phrase each.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.outcome import MIB, LimitExceeded, OutOfMemory
from sandbox.proof.stage import HOG, MEMORY, QUOTA, NotHere, Stage, must_be

HIDDEN_DISK = ("deep_folders", "mapped_files", "own_descriptors", "without_first_thread")
HIDDEN_MEMORY = ("mapped_memory", "memory_without_first_thread")


def hidden_disk(stage: Stage) -> Iterator[str]:
    """Hold files where no path leads."""
    for name in HIDDEN_DISK:
        yield from _over_quota(stage, name)


def sent_disk(stage: Stage) -> Iterator[str]:
    """Hold files in a socket's queue."""
    yield from _over_quota(stage, "sent_files")


def closed_disk(stage: Stage) -> Iterator[str]:
    """Hold files in a folder that the harness may not list."""
    yield from _over_quota(stage, "unlistable")


def _over_quota(stage: Stage, name: str) -> Iterator[str]:
    ran = stage.run(f"hide.{name}", disk_bytes=QUOTA)
    yield from (f"{name} {wrong}" for wrong in must_be(ran, LimitExceeded))
    remove_tree(stage.scratch)
    stage.scratch.mkdir()


def hidden_memory(stage: Stage) -> Iterator[str]:
    """Hold memory that no process shows."""
    for name in HIDDEN_MEMORY:
        ran = stage.run(f"hide.{name}", memory_bytes=MEMORY, disk_bytes=2 * HOG)
        yield from (f"{name} {wrong}" for wrong in must_be(ran, OutOfMemory))


def sent_memory(stage: Stage) -> Iterator[str]:
    """Hold files of memory in a socket's queue."""
    ran = stage.run("hide.sent_memory", memory_bytes=MEMORY, disk_bytes=2 * HOG)
    yield from must_be(ran, OutOfMemory)


def cores(stage: Stage) -> Iterator[str]:
    """Use all cores, and pin another process."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise NotHere("this machine has one core, and so nobody else's")
    bystander = stage.targets["bystander"]
    before = os.sched_getaffinity(bystander)
    given = (min(os.sched_getaffinity(0)),)
    stage.targets["cores"] = given
    yield from stage.run("hide.take_cores", cpus=given).reached
    if os.sched_getaffinity(bystander) != before:
        yield "a bystander was pinned"


def process_files(stage: Stage) -> Iterator[str]:
    """Write through /proc, as a run with a GPU, which may name its threads there."""
    if not Path("/proc/self").exists():
        raise NotHere("this system has no /proc")
    yield from stage.run("hide.write_to_processes", gpus=(Device(index=0),)).reached


def log_link(stage: Stage) -> Iterator[str]:
    """Take the log's name before the run: by a link, a second name of a file, a pipe."""
    secret = Path(stage.targets["secret"])
    before = secret.read_text()
    for plant in (stage.log.symlink_to, stage.log.hardlink_to):
        plant(secret)
        yield from _refused(stage, plant.__name__)
        stage.log.unlink()
    os.mkfifo(stage.log)
    yield from _refused(stage, "fifo")
    stage.log.unlink()
    if secret.read_text() != before:
        yield "another file was written through the log's name"


def _refused(stage: Stage, form: str) -> Iterator[str]:
    try:
        stage.runner.run(stage.spec("exhaust.one_long_line", disk_bytes=64 * MIB), stage.cancel)
    except SandboxFault:
        return
    yield f"{form}: taken as a log"
