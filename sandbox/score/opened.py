"""Notices when another process first opens a file (inotify, Linux only).

A watch on a folder reports every open through that folder, also inside a sandbox that has it
mounted elsewhere. It does not say who opened, so each training gets a folder of its own with hard
links to the files.
"""

import ctypes
import os
import select
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Self

IN_OPEN = 0x20
IN_Q_OVERFLOW = 0x4000
# struct inotify_event: the watch, the mask, a cookie, and the length of the name that follows.
EVENT = struct.Struct("iIII")
CHUNK = 1 << 12


def link_files(folder: Path, target: Path) -> bool:
    """Make `target` with hard links to the files of `folder`. Return whether that worked."""
    try:
        target.mkdir()
        for file in folder.iterdir():
            (target / file.name).hardlink_to(file)
    except OSError:
        unlink_files(target)
        return False
    return True


def unlink_files(target: Path) -> None:
    """Remove what `link_files` made; the files themselves stay."""
    if target.is_dir():
        for link in target.iterdir():
            link.unlink()
        target.rmdir()


class FirstOpen:
    """Watches `file` between entering and leaving."""

    def __init__(self, file: Path | None) -> None:
        self.seconds: float | None = None
        """From entering until it was opened; 0 if it was not, None if this machine cannot watch."""
        self._file = file
        self._inotify = -1
        self._thread = threading.Thread(target=self._follow, name="first-open", daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._inotify = _watch(self._file.parent) if self._file else -1
        if self._inotify >= 0:
            self.seconds = 0.0
            self._wake, self._end = os.pipe()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._inotify < 0:
            return
        os.close(self._end)
        self._thread.join()
        os.close(self._wake)
        os.close(self._inotify)

    def _follow(self) -> None:
        name = self._file.name if self._file else ""
        waiting = select.poll()
        waiting.register(self._inotify, select.POLLIN)
        waiting.register(self._wake, select.POLLIN | select.POLLHUP)
        while True:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            now = time.monotonic()
            if self._inotify in ready and _is_told(os.read(self._inotify, CHUNK), name):
                self.seconds = now - self._began
                return
            if self._wake in ready:
                return


def _watch(folder: Path) -> int:
    """Return an inotify descriptor that reports opens in `folder`; -1 if that is impossible."""
    if sys.platform != "linux":
        return -1
    libc = ctypes.CDLL(None, use_errno=True)
    inotify: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if inotify < 0:
        return -1
    if libc.inotify_add_watch(inotify, os.fsencode(folder), IN_OPEN) < 0:
        os.close(inotify)
        return -1
    return inotify


def _is_told(events: bytes, name: str) -> bool:
    """Return whether a batch of inotify events has an open of the file `name`.

    So it is where events were lost: a training could open others until there is no room for that.
    """
    at = 0
    while at < len(events):
        _, mask, _, length = EVENT.unpack_from(events, at)
        opened = events[at + EVENT.size : at + EVENT.size + length].rstrip(b"\0")
        if mask & IN_Q_OVERFLOW or os.fsdecode(opened) == name:
            return True
        at += EVENT.size + length
    return False
