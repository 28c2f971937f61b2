"""The inbox of a run: inputs of people and agents, a file each, which the loop reads.

    asked = new_input(Tell(text="try warmup"), sender="ada")
    answer = send(project, "autoresearch/nov24", asked)      # Sent | NotSent
    wait_for_answer(project, "nov24", asked.id, seconds=10)  # Admitted | None

Whoever steers a run (a command, the dashboard, an agent) calls `send` and nothing else:

    send(project: Project, branch: str, asked: Input) -> Sent | NotSent

`Sent.pid` is the process that will read it, or None: then the next `autoresearch resume` does.
`NotSent.reason` and `.next_command` say why nothing was written. An id that was sent before counts
once, so a caller may repeat a call. The folder is the user's alone (0700); an entry that is no file
of its own, a link say, is never followed.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from agent.errors import HistoryFault
from agent.git.home import no_link, run_folder, write_whole
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history.branch import tag_of
from agent.history.commits import read_log
from agent.history.entries import read_entry
from agent.history.runs import FLIGHTS, HEADS, lock_path, tip_of
from agent.project.find import Project
from agent.records.bounded import reason_of
from agent.records.inputs import (
    MAX_NOTE,
    MAX_REMARK,
    Admitted,
    Ask,
    Comment,
    Input,
    Remember,
    Skip,
    Tell,
    Try,
    is_input_id,
)
from sandbox.ground.redaction import redacted

FOLDER = "inbox"
SUFFIX = ".json"
FLOOD = "flood"
"""A file of this name records that inputs were refused because too many waited."""
MAX_WAITING = 100
"""The most inputs that may wait at once."""
MAX_LISTED = 10_000
"""The most entries of the folder that are looked at; no sender of ours leaves more."""
MAX_BYTES = 1 << 20
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Sent:
    """The input is in the inbox, or was admitted before."""

    id: str
    pid: int | None
    """The process that works on the run and reads it; None if none does."""


@dataclass(frozen=True)
class NotSent:
    """Nothing was written."""

    reason: str
    next_command: str


@dataclass(frozen=True)
class Torn:
    """A file in the inbox that is not a valid input."""

    name: str
    reason: str


def new_input(ask: Ask, sender: str, id: str | None = None) -> Input:
    """Return an input to send now.

    id: chosen by the sender; by default a new one that sorts by time.
    """
    now = datetime.now(UTC)
    name = id or f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"
    return Input(id=name, ask=ask, sender=sender, sent=now.isoformat(timespec="milliseconds"))


def send(project: Project, branch: str, asked: Input) -> Sent | NotSent:
    """Write an input into the inbox of a run. Sending the same id again has no effect.

    Raise HistoryFault if the folder cannot be used, UsageFault if `branch` is no name of a run.
    """
    tag = tag_of(branch)
    if tip_of(Plumbing(Path(project.root)), HEADS + tag) is None:
        reason = f"There is no branch autoresearch/{tag} here that could be worked on."
        return NotSent(reason, f"autoresearch resume {tag}   # or autoresearch list")
    pid = holder(lock_path(project, tag))
    inbox = Inbox(project, tag)
    if answer_of(project, tag, asked.id) is not None:
        return Sent(asked.id, pid)
    if isinstance(asked.ask, Skip) and pid is None and not _is_in_flight(project, tag, asked.ask):
        reason = (
            f"No process works on autoresearch/{tag}, and #{asked.ask.number} is not in flight."
        )
        return NotSent(reason, f"autoresearch status {tag}")
    data = _without_secrets(asked).model_dump_json().encode()
    if len(data) > MAX_BYTES:
        reason = f"An input may have {MAX_BYTES} bytes, and this one has {len(data)}."
        return NotSent(reason, "git diff --stat   # a smaller change")
    if inbox.count() >= MAX_WAITING:
        inbox.note_flood()
        waiting = f"{MAX_WAITING} inputs wait already, and no more are taken until they are read."
        return NotSent(waiting, f"autoresearch status {tag}")
    inbox.write(asked.id, data)
    return Sent(asked.id, pid)


def _is_in_flight(project: Project, tag: str, skip: Skip) -> bool:
    git = Plumbing(Path(project.root))
    return tip_of(git, f"{FLIGHTS}{tag}/{skip.number}") is not None


def answer_of(project: Project, branch: str, id: str) -> Admitted | None:
    """Return the record of an input on the run's branch; None until it is admitted."""
    git = Plumbing(Path(project.root))
    tip = tip_of(git, HEADS + tag_of(branch))
    if tip is None or not is_input_id(id):
        return None
    mark = f'"record": "input", "input": {{"id": "{id}"'
    options = ("--first-parent", "--fixed-strings", f"--grep={mark}")
    for commit in reversed(read_log(git, *options, tip, "--")):
        entry = read_entry(commit)
        if isinstance(entry, Admitted) and entry.input.id == id:
            return entry
    return None


def wait_for_answer(project: Project, branch: str, id: str, seconds: float) -> Admitted | None:
    """Wait for an input to be admitted, and return its record.

    Return None after `seconds`, or if no process works on the run.
    """
    tag = tag_of(branch)
    git = Plumbing(Path(project.root))
    deadline = time.monotonic() + seconds
    tip: str | None = None
    while True:
        working = holder(lock_path(project, tag)) is not None
        newest = tip_of(git, HEADS + tag)
        answer = answer_of(project, tag, id) if newest != tip else None
        if answer is not None or not working or time.monotonic() > deadline:
            return answer
        tip = newest
        time.sleep(POLL_SECONDS)


class Inbox:
    """The folder of the inputs that wait to be admitted."""

    def __init__(self, project: Project, tag: str) -> None:
        self._root = Path(project.root)
        self._tag = tag

    def count(self) -> int:
        """Return how many inputs wait."""
        return sum(1 for _ in self._names())

    def write(self, id: str, data: bytes) -> None:
        """Write an input; it replaces one of the same id. Raise HistoryFault if that fails."""
        folder = self._folder(make=True)
        path = folder / f"{id}{SUFFIX}"
        try:
            write_whole(path, data)
        except OSError as error:
            message = f"cannot write the input {path}: {error.strerror}"
            raise HistoryFault(message, "df -h .   # free some space, and say it again") from None

    def note_flood(self) -> None:
        """Record that an input was refused because too many waited."""
        with suppress(OSError):
            path = self._folder(make=True) / FLOOD
            os.close(no_link(str(path), os.O_WRONLY | os.O_CREAT, 0o600))

    def take_flood(self) -> bool:
        """Return whether inputs were refused since the last call."""
        path = self._folder() / FLOOD
        there = os.path.lexists(path)
        if there:
            _remove(path)
        return there

    def read(self) -> list[Input | Torn]:
        """Return at most MAX_WAITING inputs, in the order in which they were sent.

        Files beyond twice that number are removed: `send` never leaves so many.
        """
        folder = self._folder()
        names = sorted(self._names())
        for name in names[2 * MAX_WAITING :]:
            _remove(folder / name)
            self.note_flood()
        waiting = [_read(folder / name) for name in names[:MAX_WAITING]]
        return sorted(waiting, key=_order)

    def remove(self, waiting: Input | Torn) -> None:
        """Remove an input that was admitted, or a file that is not valid."""
        name = waiting.name if isinstance(waiting, Torn) else f"{waiting.id}{SUFFIX}"
        _remove(self._folder() / name)

    def _folder(self, make: bool = False) -> Path:
        folder = run_folder(self._root, self._tag, FOLDER, make=make)
        if make:
            folder.chmod(0o700)
        return folder

    def _names(self) -> Iterator[str]:
        """Yield the names of the inputs' files: no drafts, and not FLOOD."""
        try:
            with os.scandir(self._folder()) as entries:
                for number, entry in enumerate(entries):
                    if number >= MAX_LISTED:
                        return
                    if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                        yield entry.name
        except FileNotFoundError:
            return


def _without_secrets(asked: Input) -> Input:
    """Return an input without secrets in its text, which goes into commits and prompts."""
    ask = asked.ask
    match ask:
        case Tell(text=text) | Comment(text=text):
            ask = ask.model_copy(update={"text": redacted(text)[:MAX_REMARK]})
        case Remember(text=text):
            ask = ask.model_copy(update={"text": redacted(text)[:MAX_NOTE]})
        case Try(hypothesis=text):
            ask = ask.model_copy(update={"hypothesis": redacted(text)[:MAX_REMARK]})
    return asked.model_copy(update={"ask": ask})


def _read(path: Path) -> Input | Torn:
    """Return the input in a file, or why it cannot be read."""
    name = path.name
    try:
        with open(path, "rb", opener=no_link) as file:
            owner = os.fstat(file.fileno()).st_uid
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Torn(name, f"it is no file of its own ({error.strerror})")
    if owner not in (os.geteuid(), path.parent.stat().st_uid):
        return Torn(name, f"it belongs to another user (uid {owner})")
    if len(data) > MAX_BYTES:
        return Torn(name, f"it is longer than {MAX_BYTES} bytes")
    try:
        asked = Input.model_validate_json(data)
    except ValidationError as error:
        return Torn(name, reason_of(error))
    if f"{asked.id}{SUFFIX}" != name:
        return Torn(name, "its name is not its id")
    return asked


def _order(waiting: Input | Torn) -> tuple[str, str]:
    return ("", waiting.name) if isinstance(waiting, Torn) else (waiting.sent, waiting.id)


def _remove(path: Path) -> None:
    """Remove a file, a link (not its target) or an empty folder."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            path.rmdir()
