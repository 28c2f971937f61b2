"""The files that a scorer has open or mapped when its gate is shut, and how they are evened out.

Such a file it can still read, page by page, and by its share of memory have pages thrown out. So
what is in memory of the file could tell a later process something. Once the scorer is dead, the
harness brings all of each file into memory. It reads a byte of each before the scorer sees data:
with that the time of access is set, for a day.
"""

import ctypes
import mmap
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from sandbox.ground.processes import descriptor_tables, with_memory
from sandbox.score.wire import Invalid

POPULATE_READ = 22
"""MADV_POPULATE_READ, since Linux 5.14."""
CACHESTAT = 451
"""Since Linux 6.5."""
MOST_BYTES = 1 << 34
MOST_OPEN = 200
"""Files that have another name here than where the scorer runs, and have to be kept open."""
CHUNK = 1 << 20

Identity = tuple[int, int]
"""Device and inode."""


class Hoarding(Invalid):
    """A scorer has more files open than can be evened out, or does not let them be seen."""

    def __init__(self) -> None:
        super().__init__("the model's process has too many files open, or hides which")


@dataclass
class Holdings:
    """Files, by their names here or kept open."""

    _paths: dict[Identity, str] = field(default_factory=dict)
    _descriptors: dict[Identity, int] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, process: int) -> None:
        """Add the files that a process has open or mapped; nothing if it is dead.

        Raise Hoarding if there are too many, PermissionError where they may not be looked at.
        """
        with suppress(FileNotFoundError, ProcessLookupError):
            for table in descriptor_tables(process):
                self._add_opened(table)
            alive = with_memory(process)
            for name in _mapped(alive):
                with suppress(FileNotFoundError, NotADirectoryError):
                    self._add(f"{alive}/root{name}", name)

    def _add_opened(self, table: str) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            for link in os.listdir(table):  # noqa: PTH208
                shown = f"{table}/{link}"
                with suppress(FileNotFoundError):
                    self._add(shown, os.readlink(shown))  # noqa: PTH115

    def _add(self, shown: str, name: str) -> None:
        """Add a file that is `shown` in /proc, and that its process knows by a name."""
        with _looked_at(shown) as (descriptor, status):
            identity = (status.st_dev, status.st_ino)
            if not stat.S_ISREG(status.st_mode) or not status.st_nlink:
                return  # one that has no name ends with those who have it open
            if identity in self._paths or identity in self._descriptors:
                return
            self._bytes += status.st_size
            _mark_as_read(descriptor)
            if _identity_of(name) == identity:
                self._paths[identity] = name
            else:
                self._descriptors[identity] = os.dup(descriptor)
        if self._bytes > MOST_BYTES or len(self._descriptors) > MOST_OPEN:
            raise Hoarding

    def even_out(self, scratch: str) -> None:
        """Bring all of each file into memory, and forget them.

        scratch: a folder whose files nobody else will see.
        """
        for path in self._paths.values():
            if not path.startswith(f"{scratch}/"):
                with suppress(OSError):
                    _bring_in(path)
        for descriptor in self._descriptors.values():
            with suppress(OSError):
                _bring_in(f"/proc/self/fd/{descriptor}")
        self.forget()

    def forget(self) -> None:
        """Close what is kept open."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._paths.clear()
        self._descriptors.clear()


def _mapped(process: str) -> set[str]:
    """Return the names of the files that a process has mapped, as it knows them.

    process: its folder in /proc. Where a name can be read in two ways, both are returned.
    """
    names: set[bytes] = set()
    for line in Path(f"{process}/maps").read_bytes().splitlines():
        words = line.split(b" ", 5)
        if len(words) == 6 and words[4] != b"0":
            name = words[5].lstrip()
            names |= {name, name.replace(rb"\012", b"\n")}
    return {os.fsdecode(name) for name in names if name.startswith(b"/")}


@contextmanager
def _looked_at(shown: str) -> Iterator[tuple[int, os.stat_result]]:
    """Yield a descriptor that only names a file, and what is known of the file."""
    flags = os.O_PATH | os.O_CLOEXEC
    descriptor = os.open(shown, flags)
    try:
        yield descriptor, os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _mark_as_read(descriptor: int) -> None:
    """Read a byte of a file, by a descriptor that only names it."""
    with suppress(OSError), _opened(f"/proc/self/fd/{descriptor}") as file:
        file.read(1)


def _identity_of(name: str) -> Identity | None:
    try:
        status = os.stat(name)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def pages_in_memory(descriptor: int) -> int:
    """Return how many pages of a file are in memory; 0 where the kernel does not tell."""
    everything = struct.pack("=QQ", 0, 0)
    answer = ctypes.create_string_buffer(5 * 8)
    if ctypes.CDLL(None).syscall(CACHESTAT, descriptor, everything, answer, 0) != 0:
        return 0
    return int.from_bytes(answer.raw[:8], sys.byteorder)


def _opened(path: str) -> FileIO:
    """Return a file open for reading; where a pipe stands instead, do not wait for its writer."""
    return FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def _bring_in(path: str) -> None:
    """Have all of a file in memory."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size or pages_in_memory(file.fileno()) * mmap.PAGESIZE >= size:
            return
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as pages:
            try:
                pages.madvise(POPULATE_READ)
                return
            except OSError:  # an older kernel
                pass
        buffer = bytearray(CHUNK)
        while file.readinto(buffer):
            pass
