"""Processes by /proc: which are below which."""

import os
from contextlib import suppress
from pathlib import Path


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
        return Path(path).read_text()
    except OSError:
        return ""
