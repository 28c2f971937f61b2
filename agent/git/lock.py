"""A lock that dies with its owner: one process at a time works on a run."""

import fcntl
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from agent.errors import HistoryFault, RunBusy
from agent.git.home import no_link

# Whoever looks who holds a lock holds it for a moment too: wait so long (seconds) before calling it
# busy.
PATIENCE = 0.3


def hold(path: Path, what: str) -> IO[str]:
    """Take the lock at `path` for this process, until the file is closed or the process dies.

    Raise RunBusy, with the owner's name, if it is taken; HistoryFault for what is no file of our
    own: a link, a pipe, or a second name of another file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as closing:
            file = closing.enter_context(open(path, "a+", encoding="utf-8", opener=no_link))
            if not _lock(file, fcntl.LOCK_EX, PATIENCE):
                message = f"process {holder(path) or '?'} works on {what}"
                raise RunBusy(message, "autoresearch status   # or autoresearch start --tag OTHER")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            closing.pop_all()
            return file
    except OSError as error:
        raise HistoryFault(f"cannot lock {path}: {error}", f"ls -l '{path}'; df -h .") from None


def holder(path: Path) -> int | None:
    """Return the process that holds the lock at `path`, 0 for an unnamed one, None for none."""
    try:
        with open(path, "rb", opener=no_link) as file:
            if _lock(file, fcntl.LOCK_SH, 0):
                return None
            word = file.read(20).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HistoryFault(f"cannot look at the lock {path}: {error}", f"ls -l '{path}'") from None
    return int(word) if word.isdigit() else 0


def _lock(file: IO[Any], kind: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
