"""Chooses the cores of a place: those that no other place of this user has."""

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path


def claim(cpus: Sequence[int], count: int, folder: Path, held: ExitStack) -> tuple[int, ...]:
    """Return at most `count` of these cores, free ones first.

    Each is claimed by a lock on a file in `folder`, which ends with the process or when `held` is
    closed. This is needed because Ray counts cores without naming them.
    """
    free: list[int] = []
    for cpu in cpus:
        if len(free) < count and _lock(folder / f"core-{cpu}", held):
            free.append(cpu)
    taken = [cpu for cpu in cpus if cpu not in free]
    return tuple(sorted([*free, *taken][: max(1, count)]))


def _lock(file: Path, held: ExitStack) -> bool:
    """Lock a file; return whether it was free."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        held.callback(os.close, descriptor)
        return True
    return False
