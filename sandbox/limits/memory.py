"""Measures what a running process tree holds in memory, from /proc or `ps`."""

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.ground.processes import read_file, with_memory
from sandbox.limits import held, ps
from sandbox.limits.meter import HAS_PROC

KIB = 1024
TMPFS_INSIDE = ("dev/shm", "tmp")
"""The file systems of memory in a run's own root."""


def tree_memory(pids: list[int], scratch: str, *, private_tmpfs: bool, segments: int = 0) -> int:
    """Return the bytes that the processes hold.

    They are anonymous pages (shared ones split), shared memory, unlinked files and memory files.
    Mapped files do not count: the kernel takes their pages back when it needs them.

    scratch: the run's folder; if it is memory itself, its files are not counted here.
    private_tmpfs: whether the tree has file systems of memory that only it sees.
    segments: bytes of the run's files in a /dev/shm that is not its own.
    """
    if not HAS_PROC:
        return sum(row.rss for row in ps.table() if row.pid in pids)
    anonymous = 0
    shared = 0
    for pid in pids:
        thread = with_memory(pid)
        # Of one process alone nothing is split, and its status is cheaper to read.
        fields = _fields(f"{thread}/smaps_rollup") if len(pids) > 1 else {}
        status = {} if fields else _fields(f"{thread}/status")
        anonymous += fields.get("Pss_Anon", 0) or status.get("RssAnon", 0)
        shared += fields.get("Pss_Shmem", 0) or status.get("RssShmem", 0)
    files = held.unlinked_files(pids)
    filled = segments
    if private_tmpfs:
        filled += _private_tmpfs(pids)
    devices = set(_memory_devices())
    with suppress(OSError):
        devices.discard(os.stat(scratch).st_dev)  # noqa: PTH116
    filled += sum(size for (device, _), size in files.items() if device in devices)
    return anonymous + max(shared, filled)


def _private_tmpfs(pids: list[int]) -> int:
    """Return the bytes in the file systems of memory that only this tree sees.

    They are looked at through the first process that shows them.
    """
    for pid in pids:
        root = f"{with_memory(pid)}/root"
        with suppress(OSError):
            return sum(_filled(f"{root}/{mount}") for mount in TMPFS_INSIDE)
    return 0


def _filled(path: str) -> int:
    usage = os.statvfs(path)
    return (usage.f_blocks - usage.f_bfree) * usage.f_frsize


@functools.cache
def _memory_devices() -> frozenset[int]:
    """Return the devices whose files are memory: of memory files, and this machine's /dev/shm."""
    devices = set()
    with suppress(OSError, AttributeError):
        file = os.memfd_create("device")
        devices.add(os.fstat(file).st_dev)
        os.close(file)
    with suppress(OSError):
        devices.add(os.stat("/dev/shm").st_dev)  # noqa: PTH116
    return frozenset(devices)


@dataclass
class Memory:
    """What one run holds in memory; see tree_memory."""

    scratch: str
    limit: int | None
    """Bytes; above it there is no need to look deeper."""
    members: Callable[[], list[int]]
    """Returns the run's processes."""
    private_tmpfs: bool
    segments: Callable[[list[int]], int] = lambda _: 0
    """Returns the bytes of the run's files in a /dev/shm that is not its own."""
    queues: held.Queues = field(default_factory=held.Queues)

    def __post_init__(self) -> None:
        self.shared_at_start = _shared_memory()

    def read(self) -> int:
        """Return the bytes that the run holds.

        Where that is less than the machine's shared memory grew by, look deeper.
        """
        pids = self.members()
        segments = self.segments(pids)
        total = tree_memory(pids, self.scratch, private_tmpfs=self.private_tmpfs, segments=segments)
        grown = _shared_memory() - self.shared_at_start
        if self.limit is None or total > self.limit or grown <= self.limit:
            return total
        if self.queues.hide(pids):
            return max(total, grown)
        shared = segments + self._files_of_memory(pids)
        return max(total, min(grown, shared))

    def _files_of_memory(self, pids: list[int]) -> int:
        """Return the bytes of all files of memory that the run holds, mapped or not."""
        sizes = {
            inode: size
            for (device, inode), size in held.unlinked_files(pids).items()
            if device in _memory_devices()
        }
        total = sum(sizes.values()) + held.mapped_memory(pids, set(sizes))
        if self.private_tmpfs:
            total += _private_tmpfs(pids)
        return total


def _shared_memory() -> int:
    """Return the bytes of shared memory on this machine, files of memory among them."""
    return _fields("/proc/meminfo").get("Shmem", 0)


def _fields(path: str) -> dict[str, int]:
    """Return the `Name:  123 kB` lines of a /proc file, in bytes.

    There are none where the process has gone or may not be read.
    """
    values = {}
    for line in read_file(path).splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if unit == "kB":
            values[name] = int(number) * KIB
    return values
