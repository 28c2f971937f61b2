"""Lists processes by `ps`, for systems without /proc; its columns are POSIX's."""

import subprocess
from dataclasses import dataclass

COLUMNS = "pid=,ppid=,pgid=,rss=,state="
KIB = 1024


@dataclass(frozen=True)
class Row:
    """A living process."""

    pid: int
    parent: int
    group: int
    rss: int
    """Resident memory in bytes."""


def table() -> list[Row]:
    """Return every process except zombies."""
    command = ["ps", "-axo", COLUMNS]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = []
    for line in listing.splitlines():
        pid, parent, group, rss, state = line.split()
        if not state.startswith("Z"):
            rows.append(Row(int(pid), int(parent), int(group), int(rss) * KIB))
    return rows


def tree(leader: int, rows: list[Row]) -> list[Row]:
    """Return `leader`, its process group, and the descendants of both."""
    pids = {row.pid for row in rows if leader in (row.pid, row.group)}
    size = 0
    while size < len(pids):
        size = len(pids)
        pids |= {row.pid for row in rows if row.parent in pids}
    return [row for row in rows if row.pid in pids]
