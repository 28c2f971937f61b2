"""Reads what a running process tree uses, from /proc or `ps`: its processes, memory and cores; and how often to look."""

import functools
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.limits import held, ps

KIB = 1024
TMPFS_INSIDE = ("dev/shm", "tmp")
HAS_PROC = Path("/proc/self").exists()


TICK = 0.05
"""Seconds between looks at the clock, the cancel event and the meters."""
METER_SHARE = 0.02
"""The share of one core that metering may take: a dear measurement is made less often."""
LONGEST_PAUSE = 2.0
"""Seconds between two measurements at the most, however dear they are."""


@dataclass
class Meter:
    """Asks `read` for a number now and then: every tick while that takes little of the processor, rarer when it does not.

    The pause does not follow the wall clock, which a busy machine stretches, and has a ceiling, which no run can lift.
    """

    read: Callable[[], int]
    peak: int = 0
    due: float = 0.0
    urgent: Callable[[], bool] = lambda: False
    """Whether there is reason to look before the pause is over."""
    least: float = TICK
    """Seconds between two looks at the least."""

    def over(self, limit: int | None, now: float) -> bool:
        if now < self.due and not self.urgent():
            return False
        before = time.thread_time()
        value = self.read()
        self.peak = max(self.peak, value)
        pause = (time.thread_time() - before) / METER_SHARE
        self.due = now + max(self.least, min(pause, LONGEST_PAUSE))
        return limit is not None and value > limit


def descendants(root: int, *, inclusive: bool) -> list[int]:
    """The process ids below `root` (and `root` itself where inclusive), as the kernel lists them now."""
    if not HAS_PROC:
        return [row.pid for row in ps.tree(root, ps.table()) if inclusive or row.pid != root]
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                pending += [
                    int(child) for child in _read(f"/proc/{pid}/task/{thread}/children").split()
                ]
    return found if inclusive else found[1:]


def cores(pids: list[int]) -> set[int]:
    """The cores that any thread of these processes may run on."""
    found: set[int] = set()
    for pid in pids:
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with suppress(OSError):
                    found |= os.sched_getaffinity(int(thread))
    return found


def tree_memory(pids: list[int], scratch: str, *, private_tmpfs: bool, segments: int = 0) -> int:
    """Bytes that the processes hold: anonymous pages (shared ones split), shared memory, unlinked and memory files.

    segments: bytes of the run's files in a /dev/shm that is not its own. Mapped files do not count: the kernel takes their pages
    back when it needs them.
    """
    if not HAS_PROC:
        return sum(row.rss for row in ps.table() if row.pid in pids)
    anonymous = shared = 0
    for pid in pids:
        thread = held.with_memory(pid)
        fields = _fields(f"{thread}/smaps_rollup") if len(pids) > 1 else {}
        status = {} if fields else _fields(f"{thread}/status")
        anonymous += fields.get("Pss_Anon", 0) or status.get("RssAnon", 0)
        shared += fields.get("Pss_Shmem", 0) or status.get("RssShmem", 0)
    files = held.unlinked_files(pids)
    filled = segments + (_private_tmpfs(pids) if private_tmpfs else 0)
    devices = set(_memory_devices())
    with suppress(OSError):
        devices.discard(os.stat(scratch).st_dev)  # noqa: PTH116
    filled += sum(size for (device, _), size in files.items() if device in devices)
    return anonymous + max(shared, filled)


def _private_tmpfs(pids: list[int]) -> int:
    """Return the bytes in the file systems of memory that only this tree sees, through the first process that shows them."""
    for pid in pids:
        root = f"{held.with_memory(pid)}/root"
        with suppress(OSError):
            return sum(_filled(f"{root}/{mount}") for mount in TMPFS_INSIDE)
    return 0


def _filled(path: str) -> int:
    usage = os.statvfs(path)
    return (usage.f_blocks - usage.f_bfree) * usage.f_frsize


@functools.cache
def _memory_devices() -> frozenset[int]:
    """Return the devices whose files are memory: the kernel's own, of memory files, and this machine's /dev/shm."""
    found = set()
    with suppress(OSError, AttributeError):
        file = os.memfd_create("device")
        found.add(os.fstat(file).st_dev)
        os.close(file)
    with suppress(OSError):
        found.add(os.stat("/dev/shm").st_dev)  # noqa: PTH116
    return frozenset(found)


@dataclass
class Memory:
    """What the run in `scratch` with the processes `members` holds in memory, against `limit` bytes; see tree_memory."""

    scratch: str
    limit: int | None
    members: Callable[[], list[int]]
    private_tmpfs: bool
    segments: Callable[[list[int]], int] = lambda _: 0
    queues: held.Queues = field(default_factory=held.Queues)

    def __post_init__(self) -> None:
        self.shared_at_start = _shared_memory()

    def read(self) -> int:
        """Return the bytes that the run holds; where that is less than the machine's shared memory grew by, look deeper."""
        pids = self.members()
        segments = self.segments(pids)
        total = tree_memory(pids, self.scratch, private_tmpfs=self.private_tmpfs, segments=segments)
        grown = _shared_memory() - self.shared_at_start
        if self.limit is None or total > self.limit or grown <= self.limit:
            return total
        if self.queues.hide(pids):
            return max(total, grown)
        files = {
            inode: size
            for (device, inode), size in held.unlinked_files(pids).items()
            if device in _memory_devices()
        }
        private = _private_tmpfs(pids) if self.private_tmpfs else 0
        shared = private + segments + sum(files.values()) + held.mapped_memory(pids, set(files))
        return max(total, min(grown, shared))


def _shared_memory() -> int:
    """Return the bytes of shared memory on this machine, files of memory among them."""
    return _fields("/proc/meminfo").get("Shmem", 0)


def _fields(path: str) -> dict[str, int]:
    """The `Name:  123 kB` lines of a /proc file, in bytes; nothing where the process has gone or may not be read."""
    values = {}
    for line in _read(path).splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if unit == "kB":
            values[name] = int(number) * KIB
    return values


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
