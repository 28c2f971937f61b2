"""Finds other sessions on this machine, which share its cores and so change scores.

Each session keeps a locked file in the user's state folder that says where it works. The lock dies
with the process, so that an unlocked file belongs to a session that was killed.
"""

import fcntl
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError

from agent.git.home import no_link
from sandbox.ground.record import Record

MAX_BYTES = 2**16
SUFFIX = ".session"


class Session(Record):
    """One session of work on a run."""

    pid: int = Field(gt=0)
    host: str
    """The machine; a home folder may be shared by several."""
    root: str
    """The repository."""
    branch: str


def sessions_folder() -> Path:
    """Return the folder of the files; $XDG_STATE_HOME moves it."""
    return platformdirs.user_state_path("autoresearch") / "sessions"


def sessions() -> tuple[Session, ...]:
    """Return the other sessions of this user on this machine. Never raises."""
    try:
        paths = sorted(sessions_folder().glob(f"*{SUFFIX}"))
    except OSError:
        return ()
    others = []
    for path in paths:
        other = _read(path)
        if other and other.host == platform.node() and other.pid != os.getpid():
            others.append(other)
    return tuple(others)


@contextmanager
def session(root: str, branch: str) -> Iterator[None]:
    """Announce this session to other processes, if the folder can be written."""
    record = Session(pid=os.getpid(), host=platform.node(), root=root, branch=branch)
    path = sessions_folder() / f"{record.pid}-{secrets.token_hex(4)}{SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+")
    except OSError:
        yield
        return
    with file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)  # whoever reads holds it for a moment
            file.write(record.model_dump_json())
            file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _read(path: Path) -> Session | None:
    """Return the session of a file; remove the file and return None if the process is gone."""
    try:
        with open(path, "rb", opener=no_link) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Session.model_validate_json(file.read(MAX_BYTES))
            text = file.read(MAX_BYTES)
        # Another machine's lock may not be seen here, and a file just made is not locked yet.
        if text and Session.model_validate_json(text).host == platform.node():
            path.unlink()
    except (OSError, ValidationError):
        pass
    return None
