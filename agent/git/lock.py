"""A lock that ends with its owner's process: one process at a time works on a run."""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote
from typing import IO, Any

from agent.errors import HistoryFault, RunBusy
from agent.git.home import no_link

# Whoever looks who holds a lock holds it for a moment too: wait so long (seconds) before calling it
# busy.
PATIENCE = 0.3
MAX_PID = 2**22
"""The highest number that Linux gives to a process."""


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
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                message = f"{what} was deleted or renamed while this waited for it"
                raise HistoryFault(message, "autoresearch list")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            closing.pop_all()
            return file
    except OSError as error:
        raise HistoryFault(
            f"cannot lock {path}: {error}", f"ls -l {quote(str(path))}; df -h ."
        ) from None


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
        raise HistoryFault(
            f"cannot look at the lock {path}: {error}", f"ls -l {quote(str(path))}"
        ) from None
    return int(word) if word.isdigit() else 0


def signal_holder(path: Path, choose: Callable[[int], signal.Signals]) -> int | None:
    """Send a signal to the process that holds the lock at `path`; return its id, or None for none.

    choose: the signal for the process with this id. Raise HistoryFault where that process is not
    proven to be the holder: the number in the file may be one of another machine or container.
    """
    pid = holder(path)
    if pid is None:
        return None
    if not 0 < pid <= MAX_PID:
        raise _not_here(path, pid)
    try:
        # From here on the number cannot become another process's without our noticing.
        process = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        try:
            if holder(path) != pid or not _has_open(pid, path):
                raise _not_here(path, pid)
            if process is None:
                os.kill(pid, choose(pid))
            else:
                signal.pidfd_send_signal(process, choose(pid))
        finally:
            if process is not None:
                os.close(process)
    except (ProcessLookupError, PermissionError):
        raise _not_here(path, pid) from None
    return pid


def _has_open(pid: int, path: Path) -> bool:
    """Return whether the process has the file open; true where the system does not say."""
    folder = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        return True
    lock = path.stat()
    for descriptor in folder.iterdir():
        with suppress(FileNotFoundError):
            if os.path.samestat(descriptor.stat(), lock):
                return True
    return False


def _not_here(path: Path, pid: int) -> HistoryFault:
    message = (
        f"the lock {path} is held by process {pid}, which is another user's, or of another "
        "machine or container"
    )
    return HistoryFault(message, f"kill -INT {pid}   # typed where that process runs")


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
