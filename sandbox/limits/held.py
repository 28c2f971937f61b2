"""Finds unlinked files that processes hold: by descriptors, mappings, or in sockets."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.ground.processes import descriptor_tables, with_memory

MEMORY_FILES = (b"/dev/zero ", b"/memfd:", b"/dev/shm/")
"""How the paths of shared memory begin in the list of mappings."""
LASTING_SECONDS = 2.0
"""How long a descriptor that is really sent may wait in a socket's queue."""
Identity = tuple[int, int]


def unlinked_files(pids: list[int], folder: str | None = None) -> dict[Identity, int]:
    """Return the allocated bytes of each regular file that only these processes hold.

    Files are named by (device, inode), and memory files are among them. Of a file that is mapped
    and no more open, root sees the size. A user does not: what was unlinked in `folder` counts
    then with the length that is mapped, all else not at all.
    """
    opened: dict[Identity, int] = {}
    mapped: dict[Identity, int] = {}
    for pid in pids:
        for _, status in _open_files(pid):
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                opened[status.st_dev, status.st_ino] = status.st_blocks * 512
        for identity, size in _mapped_files(pid, folder):
            mapped[identity] = max(size, mapped.get(identity, 0))
    return mapped | opened


def mapped_memory(pids: list[int], counted: set[int]) -> int:
    """Return the bytes of the unlinked shared memory that these processes have mapped.

    What several of them map counts once.

    counted: the inodes of those that are counted already, because they are open.
    """
    lengths: dict[int, int] = {}
    for pid in pids:
        own: dict[int, int] = {}
        for mapping in _deleted_mappings(pid):
            inode = mapping.inode
            if mapping.path.startswith(MEMORY_FILES) and inode not in counted:
                own[inode] = own.get(inode, 0) + mapping.length
        for inode, length in own.items():
            lengths[inode] = max(length, lengths.get(inode, 0))
    return sum(lengths.values())


@dataclass
class Queues:
    """The sockets of a run in which descriptors wait, which hides the files they refer to."""

    since: dict[int, float] = field(default_factory=dict)
    """When descriptors were first seen in each, on the monotonic clock, by its inode."""

    def hide(self, pids: list[int]) -> bool:
        """Return whether a socket has held descriptors too long for them to be on their way.

        It must have held some at every look.
        """
        now = time.monotonic()
        self.since = {
            socket: self.since.get(socket, now) for socket in sockets_with_descriptors(pids)
        }
        return any(now - since >= LASTING_SECONDS for since in self.since.values())


def sockets_with_descriptors(pids: list[int]) -> set[int]:
    """Return the inodes of the sockets in which descriptors wait that nobody has taken yet."""
    inodes = set()
    for pid in pids:
        for path, status in _open_files(pid):
            if stat.S_ISSOCK(status.st_mode) and _waiting_descriptors(path):
                inodes.add(status.st_ino)
    return inodes


def _waiting_descriptors(path: str) -> int:
    """Return how many descriptors wait in the socket that is open at `path`, in /proc."""
    folder, _, name = path.rpartition("/")
    fdinfo = f"{folder}info/{name}"
    with suppress(OSError, ValueError), open(fdinfo) as lines:  # noqa: PTH123
        for line in lines:
            if line.startswith("scm_fds:"):
                return int(line.split()[1])
    return 0


def _open_files(pid: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (path in /proc, status) of what the threads of `pid` have open."""
    for table in descriptor_tables(pid):
        with suppress(OSError):
            for name in os.listdir(table):  # noqa: PTH208
                path = f"{table}/{name}"
                with suppress(OSError):
                    yield path, os.stat(path)  # noqa: PTH116


def _mapped_files(pid: int, folder: str | None) -> Iterator[tuple[Identity, int]]:
    """Yield (device, inode) and bytes of each unlinked file that `pid` has mapped.

    See unlinked_files for what `folder` is.
    """
    lengths: dict[Identity, int] = {}
    for mapping in _deleted_mappings(pid):
        with suppress(OSError):
            status = os.stat(f"/proc/{pid}/map_files/{mapping.name}")  # noqa: PTH116
            yield (status.st_dev, status.st_ino), status.st_blocks * 512
            continue
        with suppress(OSError):
            if folder and mapping.path.startswith(os.fsencode(folder)):
                identity = (os.stat(folder).st_dev, mapping.inode)  # noqa: PTH116
                lengths[identity] = lengths.get(identity, 0) + mapping.length
    yield from lengths.items()


@dataclass(frozen=True)
class _Mapping:
    start: int
    end: int
    inode: int
    path: bytes

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def name(self) -> str:
        """What map_files calls it: the addresses without leading zeros."""
        return f"{self.start:x}-{self.end:x}"


def _deleted_mappings(pid: int) -> Iterator[_Mapping]:
    """Yield the mappings of unlinked files."""
    lines: list[bytes] = []
    with suppress(OSError), open(f"{with_memory(pid)}/maps", "rb") as stream:  # noqa: PTH123
        lines = stream.read().splitlines()
    for line in lines:
        if line.endswith(b"(deleted)"):
            span, _, _, _, inode, path = line.split(maxsplit=5)
            start, end = span.split(b"-")
            yield _Mapping(int(start, 16), int(end, 16), int(inode), path)
