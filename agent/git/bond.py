"""Ends a git command with the harness that started it, also by kill -9."""

import fcntl
import os
import signal
from contextlib import suppress


class Bond:
    """A pipe of which a command holds one end, and the harness alone the other one.

    Once the harness has ended, however it did, the system sends the command SIGTERM, at which git
    removes its locks. A death signal would be sent at the end of a thread already, and costs a
    program more to start. Only Linux lets the signal be chosen; elsewhere nothing is sent.
    """

    def __init__(self) -> None:
        self.passed, self._ours = os.pipe()

    def tie(self, process: int) -> None:
        """Tie a command that was started with `passed` among its descriptors."""
        with suppress(OSError, AttributeError):
            fcntl.fcntl(self.passed, fcntl.F_SETSIG, signal.SIGTERM)
            fcntl.fcntl(self.passed, fcntl.F_SETOWN, process)
            fcntl.fcntl(self.passed, fcntl.F_SETFL, os.O_ASYNC)

    def close(self) -> None:
        """Release both ends; a command that is still at work is ended."""
        os.close(self._ours)
        os.close(self.passed)
