"""Keeps git from filling a disk.

A commit of a few kilobytes may unpack to any size: a long file of zeros, under many names.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.answers import NoAnswer
from sandbox.ground.text import one_line

FLOOR = 64 << 20
"""Bytes that stay free on a disk; a quarter of what is free where that is less."""
LEAST_BYTES = 4096
"""What a small file takes."""
MAX_NAMED = 3
"""Files that a message names."""
MIB = 1 << 20


class NoRoom(NoAnswer):
    """A command that was ended before the disk was full."""

    def __init__(self, words: str, next_command: str) -> None:
        super().__init__(words)
        self.next_command = next_command


class Room:
    """The disk of a folder, for one command that writes there.

    folder: it has to exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free = shutil.disk_usage(folder).free
        self._floor = min(FLOOR, self._free // 4)

    def check(self) -> None:
        """Raise NoRoom if the disk is nearly full by now."""
        free = shutil.disk_usage(self._folder).free
        if free < self._floor:
            where = one_line(str(self._folder))
            words = f"the disk of {where} is nearly full, {free // MIB} MiB are free"
            raise NoRoom(words, f"df -h {quote(where)}")

    def refuse(self, commit: str, sizes: Sequence[tuple[int, str]]) -> None:
        """Raise HistoryFault if there is no room for files. sizes: bytes and path of each."""
        total = sum(max(size, LEAST_BYTES) for size, _ in sizes)
        if total <= self._free - self._floor:
            return
        largest = sorted(sizes, key=lambda file: -file[0])[:MAX_NAMED]
        names = ", ".join(f"{one_line(path)} ({size // MIB} MiB)" for size, path in largest)
        raise HistoryFault(
            f"{commit[:12]} has files of {total // MIB} MiB, and {self._free // MIB} MiB are free "
            f"on the disk of {one_line(str(self._folder))}. The largest of {len(sizes)}: {names}",
            f"git ls-tree -r --long {commit[:12]}",
        )
