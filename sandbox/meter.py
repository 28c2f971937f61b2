"""Reads what a running process tree uses: memory from /proc (or `ps`), disk by walking its scratch folder."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from sandbox import ps

KIB = 1024
BYTES_PER_ENTRY = 4096
"""What an empty file or folder counts for: a million of them also fill a disk."""
UNREADABLE = 1 << 62
"""What a folder counts for that the run closed to the harness: whatever it holds, it is more than the quota."""
TMPFS_INSIDE = ("dev/shm", "tmp")
HAS_PROC = Path("/proc/self").exists()


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
                pending += [int(child) for child in _read(f"/proc/{pid}/task/{thread}/children").split()]
    return found if inclusive else found[1:]


def tree_memory(pids: list[int], scratch: str, *, private_tmpfs: bool, segments: int = 0) -> int:
    """Bytes that the processes hold: anonymous pages (shared ones split), shared memory, unlinked and memory files.

    segments: bytes of the run's files in a /dev/shm that is not its own. Mapped files do not count: the kernel takes their pages
    back when it needs them.
    """
    if not HAS_PROC:
        return sum(row.rss for row in ps.table() if row.pid in pids)
    anonymous = shared = 0
    for pid in pids:
        fields = _fields(f"/proc/{pid}/smaps_rollup") if len(pids) > 1 else {}
        status = {} if fields else _fields(f"/proc/{pid}/status")
        anonymous += fields.get("Pss_Anon", 0) or status.get("RssAnon", 0)
        shared += fields.get("Pss_Shmem", 0) or status.get("RssShmem", 0)
    files = _unlinked_files(pids)
    on_disk = {os.stat(scratch).st_dev}  # noqa: PTH116
    filled = segments
    if private_tmpfs and pids:
        for mount in TMPFS_INSIDE:
            with suppress(OSError):
                inside = f"/proc/{pids[0]}/root/{mount}"
                usage = os.statvfs(inside)
                filled += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
                on_disk.add(os.stat(inside).st_dev)  # noqa: PTH116
    filled += sum(size for (device, _), size in files.items() if device not in on_disk)
    return anonymous + max(shared, filled)


def disk_use(scratch: str, pids: list[int]) -> int:
    """Bytes allocated beneath `scratch`, with a floor for each entry, and in files that were unlinked but are still open."""
    device = os.stat(scratch).st_dev  # noqa: PTH116
    hidden = sum(size for (where, _), size in _unlinked_files(pids).items() if where == device)
    return hidden + _folder_use(scratch)


def _folder_use(top: str) -> int:
    total, pending = 0, [top]
    while pending:
        try:
            with os.scandir(pending.pop()) as listing:
                entries = list(listing)
        except PermissionError:
            return UNREADABLE
        except OSError:  # gone meanwhile
            continue
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                total += max(status.st_blocks * 512, BYTES_PER_ENTRY)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry.path)
    return total


def _unlinked_files(pids: list[int]) -> dict[tuple[int, int], int]:
    """(device, inode) to allocated bytes of regular files that only a descriptor still holds, memfd_create's included."""
    found = {}
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                with suppress(OSError):
                    status = os.stat(f"/proc/{pid}/fd/{name}")  # noqa: PTH116
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found


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
