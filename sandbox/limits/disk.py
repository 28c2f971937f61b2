"""Measures a run's use of the disk: its folder, and unlinked files that it holds open."""

import errno
import os
import shlex
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.ground.fault import SandboxFault
from sandbox.ground.processes import read_file
from sandbox.limits import held

BYTES_PER_ENTRY = 4096
"""What an empty file or folder counts for: a million of them also fill a disk."""
CLOSED = 1 << 62
"""What a folder counts for that the run closed to the harness: more than any quota."""
OPEN_LEVELS = 32
"""How many levels keep their descriptor; of those above it is only known which folder they are."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)
FREE_FLOOR = 64 << 20
"""Bytes that must stay free on a run's device; fewer where few were free when it began."""

Identity = tuple[int, int]


@dataclass
class Level:
    """A folder on the way down from the top."""

    descriptor: int | None
    """None while it is far above."""
    identity: Identity
    folders: list[str]
    """The folders in it that are still to be entered."""


@dataclass
class Disk:
    """Measures the bytes that a run holds on the device of its folder."""

    scratch: str
    limit: int
    """Bytes."""
    members: Callable[[], list[int]]
    """Returns the run's processes."""
    given: int = 0
    """Bytes that lie in its folder before it begins, and count for nothing."""
    last: int = 0
    """Bytes at the last look."""
    queues: held.Queues = field(default_factory=held.Queues)

    def __post_init__(self) -> None:
        self.device = os.stat(self.scratch).st_dev  # noqa: PTH116
        self.used_at_start = self._used()
        self.used_at_last = self.used_at_start
        self.floor = min(FREE_FLOOR, self._free() // 4)

    def read(self) -> int:
        """Return the bytes that the run holds.

        If it hides files in sockets, all growth of the device is counted, and all that its
        processes wrote: what others remove meanwhile hides the growth.
        """
        self.used_at_last = self._used()
        pids = self.members()
        files = held.unlinked_files(pids, self.scratch)
        self.last = self.in_folder()
        self.last += sum(size for (device, _), size in files.items() if device == self.device)
        if self.queues.hide(pids):
            grown = self.used_at_last - self.used_at_start
            self.last = max(self.last, grown, bytes_written(pids))
        return self.last

    def in_folder(self) -> int:
        """Return the bytes in the run's folder, without those that it started with."""
        return max(0, folder_use(self.scratch, self.limit + self.given) - self.given)

    def urgent(self) -> bool:
        """Return whether the device has grown so much that the limit may be near."""
        return self._used() - self.used_at_last > max(self.limit - self.last, self.limit // 8)

    def check_floor(self) -> None:
        """Raise SandboxFault if the device is nearly full.

        This is the last resort against use that the other checks miss.
        """
        free = self._free()
        if free < self.floor:
            raise SandboxFault(
                f"the disk of {self.scratch} is nearly full: {free >> 20} MiB are free, and a run "
                f"is ended below {self.floor >> 20} MiB; the quota of a run is no part of this",
                f"df -h {shlex.quote(self.scratch)}",
            )

    def _used(self) -> int:
        status = self._device_now()
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _free(self) -> int:
        status = self._device_now()
        return status.f_bavail * status.f_frsize

    def _device_now(self) -> os.statvfs_result:
        """Return how full the device is. A run without walls may have removed its folder."""
        for folder in (self.scratch, os.path.dirname(self.scratch)):  # noqa: PTH120
            with suppress(FileNotFoundError, NotADirectoryError):
                return os.statvfs(folder)
        raise SandboxFault(
            f"{self.scratch} was removed, and what it lies in, while a run used it",
            "autoresearch resume   # makes the folder again",
        )


def bytes_written(pids: list[int]) -> int:
    """Return the bytes that these processes, and their ended children, had written to disks.

    What was removed before it reached the disk does not count, nor do files of memory.
    """
    total = 0
    for pid in pids:
        for line in read_file(f"/proc/{pid}/io").splitlines():
            name, _, count = line.partition(": ")
            if name == "write_bytes":
                total += int(count)
            elif name == "cancelled_write_bytes":
                total -= int(count)
    return total


def folder_use(top: str, enough: int) -> int:
    """Return the bytes allocated beneath `top`, with a floor for each entry.

    Counting stops beyond `enough`. A path is never built, so that no depth hides anything; no
    link is followed; a file with several names counts once. Return CLOSED where something cannot
    be looked at, or was moved from far below while it was counted. Raise SandboxFault where the
    disk fails.
    """
    count = _Count(enough)
    levels: list[Level] = []
    try:
        _enter(top, levels, count)
        while levels and count.total <= enough:
            if levels[-1].folders:
                _enter(levels[-1].folders.pop(), levels, count)
            else:
                _leave(levels)
    except PermissionError:
        return CLOSED
    except OSError as error:
        raise SandboxFault(f"cannot measure what a run holds in {top}: {error.strerror}") from error
    finally:
        for level in levels:
            if level.descriptor is not None:
                os.close(level.descriptor)
    return count.total


@dataclass
class _Count:
    enough: int
    total: int = 0
    linked: set[Identity] = field(default_factory=set)

    def add(self, status: os.stat_result) -> None:
        identity = status.st_dev, status.st_ino
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if identity in self.linked:
                return
            self.linked.add(identity)
        self.total += max(status.st_blocks * 512, BYTES_PER_ENTRY)


def _enter(name: str, levels: list[Level], count: _Count) -> None:
    """Count what lies in the folder `name` of the last level, and make it the last level.

    Do nothing where the folder has gone.
    """
    try:
        descriptor = os.open(name, FOLDER, dir_fd=levels[-1].descriptor if levels else None)
    except OSError as error:
        if error.errno in GONE:
            return
        raise
    status = os.fstat(descriptor)
    levels.append(Level(descriptor, (status.st_dev, status.st_ino), []))
    if len(levels) > OPEN_LEVELS:
        far = levels[-OPEN_LEVELS - 1]
        if far.descriptor is not None:
            os.close(far.descriptor)
            far.descriptor = None
    _count_entries(levels[-1], count)


def _count_entries(level: Level, count: _Count) -> None:
    assert level.descriptor is not None
    with os.scandir(level.descriptor) as listing:
        for entry in listing:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            count.add(status)
            if stat.S_ISDIR(status.st_mode):
                level.folders.append(entry.name)
            if count.total > count.enough:
                return


def _leave(levels: list[Level]) -> None:
    """Go back to the level above.

    Raise PermissionError where the folder is no longer in the one in which it was found.
    """
    done = levels.pop()
    assert done.descriptor is not None
    try:
        if levels and levels[-1].descriptor is None:
            levels[-1].descriptor = os.open("..", FOLDER, dir_fd=done.descriptor)
            status = os.fstat(levels[-1].descriptor)
            if (status.st_dev, status.st_ino) != levels[-1].identity:
                raise PermissionError(errno.EACCES, "a folder was moved while it was counted")
    finally:
        os.close(done.descriptor)
