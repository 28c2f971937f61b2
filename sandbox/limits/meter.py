"""Reads the processes and cores of a running tree, and says how often to measure what it uses."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.ground.processes import tree
from sandbox.limits import ps

HAS_PROC = Path("/proc/self").exists()

TICK = 0.05
"""Seconds between looks at the clock, the cancel event and the meters."""
METER_SHARE = 0.02
"""The share of one core that metering may take: a dear measurement is made less often."""
LONGEST_PAUSE = 2.0
"""Seconds between two measurements at the most, however dear they are."""


@dataclass
class Meter:
    """Calls `read` for a number from time to time.

    It calls at every tick while that is cheap, and more rarely when it is not. The pause depends on
    processor time, which a busy machine does not stretch, and has a maximum.
    """

    read: Callable[[], int]
    peak: int = 0
    """The greatest number so far."""
    last: int = 0
    """The newest number."""
    due: float = 0.0
    """When to ask next, on the monotonic clock."""
    urgent: Callable[[], bool] = lambda: False
    """Whether there is reason to look before the pause is over."""
    least: float = TICK
    """Seconds between two looks at the least."""

    def over(self, limit: int | None, now: float) -> bool:
        """Return whether the number is above `limit`, if it is due to be read at `now`."""
        if now < self.due and not self.urgent():
            return False
        before = time.thread_time()
        value = self.read()
        self.last = value
        self.peak = max(self.peak, value)
        pause = (time.thread_time() - before) / METER_SHARE
        self.due = now + max(self.least, min(pause, LONGEST_PAUSE))
        return limit is not None and value > limit


def descendants(root: int, *, inclusive: bool) -> list[int]:
    """Return the process ids below `root`, and `root` itself if inclusive."""
    if not HAS_PROC:
        return [row.pid for row in ps.tree(root, ps.table()) if inclusive or row.pid != root]
    pids = tree(root)
    return pids if inclusive else pids[1:]


def cores(pids: list[int]) -> set[int]:
    """Return the cores that any thread of these processes may run on."""
    allowed: set[int] = set()
    for pid in pids:
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with suppress(OSError):
                    allowed |= os.sched_getaffinity(int(thread))
    return allowed
