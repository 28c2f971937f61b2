"""A lock that dies with its owner: one process at a time works on a run."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from agent.errors import HistoryFault, RunBusy

# Whoever looks who holds a lock holds it for a moment too: be this patient (seconds) before calling it busy.
PATIENCE = 0.3


def hold(path: Path, what: str) -> IO[str]:
    """Take the lock at `path` for this process, until the file is closed or the process dies. RunBusy names the owner."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
        if not _lock(file, fcntl.LOCK_EX, PATIENCE):
            file.close()
            message = f"process {holder(path) or '?'} works on {what}"
            raise RunBusy(message, "autoresearch status   # or autoresearch start --tag OTHER")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except OSError as error:
        raise HistoryFault(f"cannot lock {path}: {error}", "df -h .") from None
    return file


def holder(path: Path) -> int | None:
    """The process that holds the lock at `path` (0 where it has not said who it is); None where none does."""
    try:
        with path.open(encoding="utf-8") as file:
            return None if _lock(file, fcntl.LOCK_SH, 0) else int(file.read().strip() or 0)
    except FileNotFoundError:
        return None


def _lock(file: IO[str], kind: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
