"""What `ps` says of processes, for systems without /proc. Its columns are POSIX's, so it is tested here, too."""

import subprocess
from dataclasses import dataclass

COLUMNS = "pid=,ppid=,pgid=,rss=,state="
KIB = 1024


@dataclass(frozen=True)
class Row:
    """A living process; rss in bytes."""

    pid: int
    parent: int
    group: int
    rss: int


def table() -> list[Row]:
    """Every process but the dead ones that nobody has waited for."""
    said = subprocess.run(
        ["ps", "-axo", COLUMNS], capture_output=True, text=True, check=False
    ).stdout
    rows = [line.split() for line in said.splitlines()]
    return [
        Row(int(pid), int(parent), int(group), int(rss) * KIB)
        for pid, parent, group, rss, state in rows
        if not state.startswith("Z")
    ]


def tree(leader: int, rows: list[Row]) -> list[Row]:
    """`leader`, its process group, and all that descend from one of them."""
    found = {row.pid for row in rows if leader in (row.pid, row.group)}
    while more := {row.pid for row in rows if row.parent in found} - found:
        found |= more
    return [row for row in rows if row.pid in found]
