"""Processes by /proc: which are below which, and what their threads have in common."""

import ctypes
import functools
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KCMP = {"x86_64": 312, "aarch64": 272}.get(platform.machine())
KCMP_FILES = 2


def tree(root: int) -> list[int]:
    """Return `root` and the process ids below it; itself first."""
    pids = []
    pending = [root]
    while pending:
        pid = pending.pop()
        pids.append(pid)
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                children = read_file(f"/proc/{pid}/task/{thread}/children")
                pending += [int(child) for child in children.split()]
    return pids


def read_file(path: str) -> str:
    """Return the text of a file in /proc; "" if the process is gone or may not be read."""
    try:
        return Path(path).read_text(errors="replace")  # a thread's name can be any bytes
    except OSError:
        return ""


def descriptor_tables(pid: int) -> Iterator[str]:
    """Yield the folder in /proc of each table of descriptors that the threads of `pid` have.

    Most often they share one. But a thread may have its own, and the first thread may have ended
    before the others.
    """
    threads: list[int] = []
    with suppress(OSError):
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    owners: list[int] = []
    for thread in threads:
        if not any(_share_descriptors(thread, owner) for owner in owners):
            owners.append(thread)
            yield f"/proc/{pid}/task/{thread}/fd"


def _share_descriptors(thread: int, other: int) -> bool:
    """Return whether both are known to use the same table; False where the kernel does not say."""
    if KCMP is None:
        return False
    return bool(_libc().syscall(KCMP, thread, other, KCMP_FILES, 0, 0) == 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def with_memory(pid: int) -> str:
    """Return the folder in /proc of a thread of `pid` that still runs.

    The first thread may have ended before the others.
    """
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
