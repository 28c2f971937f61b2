"""The folder of one allocation in the user's own state folder: token, batch file, address, log."""

import json
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import platformdirs
from pydantic import ValidationError

from agent.errors import Fault
from agent.git.home import checked, no_link, write_whole
from sandbox.ground.record import Record

MAX_BYTES = 1 << 16


class Head(Record):
    """The addresses of the head of a cluster."""

    client: str
    """For a driver: `ray://10.0.0.7:41234`."""
    cluster: str
    """For further nodes: `10.0.0.7:41233`."""


class Folder:
    """The folder that the driver and the nodes of one allocation share; private to the user."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = path / "token"
        """A secret of the cluster."""
        self.batch = path / "batch.sh"
        self.head = path / "head.json"
        """Written by the first node once it can be reached."""
        self.ended = path / "ended"
        """Written by the first node at its end, whether it could be reached or not."""
        self.log = path / "job.log"

    @classmethod
    def fresh(cls, tag: str) -> "Folder":
        """Return a new folder for a run, without making it."""
        stamp = datetime.now(UTC).strftime("%m%d-%H%M%S")
        return cls(allocations() / f"{checked(tag)}-{stamp}-{secrets.token_hex(3)}")

    @classmethod
    def new(cls, tag: str) -> "Folder":
        """Make a new folder for a run, with a new token. Raise Fault if that fails."""
        folder = cls.fresh(tag)
        home = folder.path.parent
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            _refuse_shared(home)
            folder.path.mkdir(mode=0o700)
            folder.write(folder.token, secrets.token_hex(32))
        except OSError as error:
            raise Fault(f"cannot write {folder.path}: {error.strerror}", "df -h ~") from None
        return folder

    def write(self, path: Path, text: str) -> None:
        """Write a file of the folder for the user alone, whole or not at all."""
        write_whole(path, text.encode())

    def reached(self) -> Head | None:
        """Return the addresses of the head; None while it is not up."""
        try:
            with open(self.head, "rb", opener=no_link) as file:
                return Head.model_validate_json(file.read(MAX_BYTES))
        except (OSError, ValidationError):
            return None

    def output_end(self) -> str:
        """Return the end of the job's output."""
        try:
            with open(self.log, "rb", opener=no_link) as file:
                return file.read(MAX_BYTES).decode("utf-8", "replace")[-2000:].strip()
        except OSError:
            return ""


def allocations() -> Path:
    """Return the folder of all allocations; $XDG_STATE_HOME moves it."""
    return platformdirs.user_state_path("autoresearch") / "slurm"


def write_json(folder: Folder, path: Path, record: Record) -> None:
    """Write a record as JSON into a file of the folder."""
    folder.write(path, json.dumps(record.model_dump()))


def _refuse_shared(home: Path) -> None:
    """Raise Fault if others could write to the folder."""
    status = home.lstat()
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not mine or status.st_mode & 0o022:
        raise Fault(f"{home} can be written by others", f"chmod 700 {quote(str(home))}")
