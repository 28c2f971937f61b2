"""Follows and removes a run's files in the machine's own /dev/shm, where it has no private one."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

SHM = "/dev/shm"


@dataclass
class Segments:
    """A run's shared memory files; those that are left are removed on leaving.

    With a uid of its own, all that belong to it. Without, those that were not there before and
    that one of its processes had open or mapped when it was looked at: a file that lived for less
    than a moment and was left behind stays.
    """

    identity: tuple[int, int] | None
    """The run's own uid and gid, or None where it has the user's."""
    before: frozenset[str] = frozenset()
    """The names that were there before the run."""
    mine: set[str] = field(default_factory=set)
    """The names of the run's files."""

    def __enter__(self) -> Self:
        self.before = frozenset(_names())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._look([])
        for name in self.mine:
            with suppress(OSError):
                os.unlink(f"{SHM}/{name}")  # noqa: PTH108

    def held(self, pids: Iterable[int]) -> int:
        """Return the bytes that the run's files hold now."""
        self._look(pids)
        total = 0
        for name in self.mine:
            with suppress(OSError):
                total += os.lstat(f"{SHM}/{name}").st_blocks * 512
        return total

    def _look(self, pids: Iterable[int]) -> None:
        new = {name for name in _names() if name not in self.before}
        if self.identity:
            self.mine = {name for name in new if _owner(name) == self.identity[0]}
        elif new - self.mine:
            for pid in pids:
                self.mine |= new & _used_by(pid)


def _names() -> list[str]:
    try:
        return os.listdir(SHM)  # noqa: PTH208
    except OSError:
        return []


def _owner(name: str) -> int | None:
    try:
        return os.lstat(f"{SHM}/{name}").st_uid
    except OSError:
        return None


def _used_by(pid: int) -> set[str]:
    """Return the names in /dev/shm of what a process has mapped or open."""
    paths: list[str] = []
    with suppress(OSError), open(f"/proc/{pid}/maps", errors="replace") as lines:  # noqa: PTH123
        paths += [line.rstrip("\n").split(maxsplit=5)[-1] for line in lines if SHM in line]
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with suppress(OSError):
                paths.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))  # noqa: PTH115
    return {path.removeprefix(f"{SHM}/") for path in paths if path.startswith(f"{SHM}/")}
