"""Files that processes hold and no folder names: by any descriptor of any thread, by a mapping, or in a socket's queue."""

import ctypes
import functools
import os
import platform
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

KCMP = {"x86_64": 312, "aarch64": 272}.get(platform.machine())
KCMP_FILES = 2
MEMORY_FILES = (b"/dev/zero ", b"/memfd:", b"/dev/shm/")
"""How the paths of shared memory begin in the list of mappings."""
LASTING_SECONDS = 2.0
"""How long a descriptor that is really sent may wait in a socket's queue."""
Identity = tuple[int, int]


def unlinked_files(pids: list[int], folder: str | None = None) -> dict[Identity, int]:
    """Return (device, inode) to allocated bytes of the regular files that only these processes hold, memory files among them.

    Of a file that is mapped and no more open, root sees the size. A user does not: what was unlinked in `folder` counts then
    with the length that is mapped, all else not at all.
    """
    opened: dict[Identity, int] = {}
    mapped: dict[Identity, int] = {}
    for pid in pids:
        for table in _descriptor_tables(pid):
            for _, status in _statuses(table):
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    opened[status.st_dev, status.st_ino] = status.st_blocks * 512
        for identity, size in _mapped_files(pid, folder):
            mapped[identity] = max(size, mapped.get(identity, 0))
    return mapped | opened


def mapped_memory(pids: list[int], counted: set[int]) -> int:
    """Return the length of the unlinked shared memory that these processes have mapped, each piece once.

    counted: the inodes of those that are counted already, because they are open.
    """
    lengths: dict[bytes, int] = {}
    for pid in pids:
        own: dict[bytes, int] = {}
        for line in _deleted_mappings(pid):
            span, _, _, _, inode, path = line.split(maxsplit=5)
            if path.startswith(MEMORY_FILES) and int(inode) not in counted:
                start, end = (int(part, 16) for part in span.split(b"-"))
                own[inode] = own.get(inode, 0) + end - start
        lengths |= {inode: max(length, lengths.get(inode, 0)) for inode, length in own.items()}
    return sum(lengths.values())


@dataclass
class Queues:
    """The sockets of a run in which descriptors wait, and since when: a way to hold files that nobody can see."""

    since: dict[int, float] = field(default_factory=dict)

    def hide(self, pids: list[int]) -> bool:
        """Return whether a socket has held descriptors at every look for so long that they are kept there, not sent."""
        now = time.monotonic()
        self.since = {
            socket: self.since.get(socket, now) for socket in sockets_with_descriptors(pids)
        }
        return any(now - since >= LASTING_SECONDS for since in self.since.values())


def sockets_with_descriptors(pids: list[int]) -> set[int]:
    """Return the inodes of the sockets in whose queues descriptors wait that nobody has taken yet."""
    found = set()
    for pid in pids:
        for table in _descriptor_tables(pid):
            for name, status in _statuses(table):
                if stat.S_ISSOCK(status.st_mode) and _waiting(f"{table}info/{name}"):
                    found.add(status.st_ino)
    return found


def _waiting(fdinfo: str) -> int:
    with suppress(OSError, ValueError), open(fdinfo) as lines:  # noqa: PTH123
        for line in lines:
            if line.startswith("scm_fds:"):
                return int(line.split()[1])
    return 0


def _descriptor_tables(pid: int) -> Iterator[str]:
    """Yield the folder in /proc of each table of descriptors that the threads of `pid` have: most often one.

    A thread may have its own, and the first thread may have ended before the others.
    """
    threads: list[int] = []
    with suppress(OSError):
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    known: list[int] = []
    for thread in threads:
        if not any(_share_descriptors(thread, other) for other in known):
            known.append(thread)
            yield f"/proc/{pid}/task/{thread}/fd"


def _share_descriptors(thread: int, other: int) -> bool:
    """Return whether both are known to use the same table; False where the kernel does not say."""
    if KCMP is None:
        return False
    return bool(_libc().syscall(KCMP, thread, other, KCMP_FILES, 0, 0) == 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _statuses(table: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError):
        for name in os.listdir(table):  # noqa: PTH208
            with suppress(OSError):
                yield name, os.stat(f"{table}/{name}")  # noqa: PTH116


def _mapped_files(pid: int, folder: str | None) -> Iterator[tuple[Identity, int]]:
    """Yield (device, inode) and bytes of each unlinked file that `pid` has mapped; see unlinked_files."""
    lengths: dict[Identity, int] = {}
    for line in _deleted_mappings(pid):
        span, _, _, _, inode, path = line.split(maxsplit=5)
        with suppress(OSError):
            status = os.stat(f"/proc/{pid}/map_files/{_plain(span)}")  # noqa: PTH116
            yield (status.st_dev, status.st_ino), status.st_blocks * 512
            continue
        with suppress(OSError):
            if folder and path.startswith(os.fsencode(folder)):
                identity = os.stat(folder).st_dev, int(inode)  # noqa: PTH116
                start, end = (int(part, 16) for part in span.split(b"-"))
                lengths[identity] = lengths.get(identity, 0) + end - start
    yield from lengths.items()


def _deleted_mappings(pid: int) -> list[bytes]:
    """Return the lines of the mappings of unlinked files."""
    with suppress(OSError), open(f"{with_memory(pid)}/maps", "rb") as stream:  # noqa: PTH123
        return [line for line in stream.read().splitlines() if line.endswith(b"(deleted)")]
    return []


def with_memory(pid: int) -> str:
    """Return the folder in /proc of a thread of `pid` that still runs: the first one may have ended before the others."""
    path = f"/proc/{pid}"
    with suppress(OSError):
        if not _has_memory(path):
            for thread in os.listdir(f"{path}/task"):  # noqa: PTH208
                if _has_memory(f"{path}/task/{thread}"):
                    return f"{path}/task/{thread}"
    return path


def _has_memory(path: str) -> bool:
    with suppress(OSError), open(f"{path}/statm", "rb") as stream:  # noqa: PTH123
        return not stream.read().startswith(b"0 ")
    return False


def _plain(span: bytes) -> str:
    """Return the name that map_files has for a span of addresses: without leading zeros."""
    start, end = span.decode().split("-")
    return f"{int(start, 16):x}-{int(end, 16):x}"
