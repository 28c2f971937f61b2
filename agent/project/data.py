"""Has a project's prepare.py make its data, in the sandbox, before anything is measured on it.

prepare.py may be a stranger's. It runs as a trial does: no keys, no files but its own, no network unless the user agreed to
it, and one folder to write in, <cache>/<hash of prepare.py>, which is kept from one start to the next. What it leaves there is
checked before the harness uses it (agent/project/prepared.py).
"""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from agent.errors import ProjectFault
from agent.evaluate.machine import total_memory
from agent.git.cache import data_root
from agent.project.prepared import Prepared, Unfit, digest_of, take_over
from agent.project.template import shipped_corpus
from sandbox.ground.outcome import GIB, Crashed, Finished, Limits, Outcome, Runner, RunSpec
from sandbox.ground.record import Record
from sandbox.ground.text import last_words, one_line, tail

__all__ = [
    "OWN_FOLDERS",
    "NetworkWanted",
    "Prepared",
    "Source",
    "file_source",
    "prepare_data",
]

WALL_SECONDS = 12 * 3600.0  # a corpus of gigabytes over a slow line
DISK_BYTES = 256 * GIB
MEMORY_SHARE = 0.8
TAIL_CHARACTERS = 1500
MAX_SOURCES = 10  # addresses that are shown to the user
# What the libraries that download say when they cannot.
NETWORK_WORDS = (
    "urlopen error",
    "getaddrinfo",
    "name resolution",
    "name or service not known",
    "nodename nor servname",
    "network is unreachable",
    "connectionerror",
    "connecterror",
    "failed to resolve",
    "max retries exceeded",
    "newconnectionerror",
    "could not resolve host",
    "offline mode",
    "localentrynotfound",
    "socket.gaierror",
    "address family not supported",
    "no address associated",
)
# How a machine reaches the network, where it needs telling.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Source:
    """A prepare.py: its text, its path inside the folder that `export` writes, and a name for messages."""

    text: bytes
    inside: str
    export: Callable[[Path], None]
    name: str

    @property
    def sha256(self) -> str:
        """By which its folder is called, and the user's consent goes."""
        return hashlib.sha256(self.text).hexdigest()


class NetworkWanted(ProjectFault):
    """prepare.py did not get along without a network. sources: the addresses that it names. log: what it printed last."""

    def __init__(self, source: Source, sources: tuple[str, ...], log: Path) -> None:
        self.sha256 = source.sha256
        self.sources = sources
        self.last_line = one_line(last_words(log))
        super().__init__(
            f"{source.name} needs the network: {self.last_line}", f"less {shlex.quote(str(log))}"
        )


class _Note(Record):
    """What is remembered of a folder that was taken over. data: its path below the scratch folder."""

    data: str = Field(min_length=1)
    fingerprint: str
    digest: str


OWN_FOLDERS = ("prepared", "searched")
"""What autoresearch keeps in the user's cache, in a folder that karpathy/autoresearch's prepare.py uses as well."""


def file_source(path: Path) -> Source:
    """A prepare.py that needs nothing beside it."""
    text = path.read_bytes()

    def export(folder: Path) -> None:
        folder.mkdir()
        (folder / "prepare.py").write_bytes(text)

    return Source(text, "prepare.py", export, str(path))


@contextmanager
def prepare_data(
    source: Source,
    runner: Runner,
    *,
    read_only: tuple[str, ...] = (),
    network: bool = False,
    wanted: str | None = None,
) -> Iterator[Prepared]:
    """Yield the data that `source` makes, which stays as it is until the block ends.

    read_only: what it may read besides. network: whether it may use it. wanted: the fingerprint of data that will do: where
    the folder already holds that, nothing runs. NetworkWanted where it failed for want of a network; ProjectFault where it
    failed otherwise, or made what cannot be used.
    """
    room = _Room(data_root() / source.sha256[:16])
    with room.locked() as lock:
        alone = _try_alone(lock)
        if alone and not (wanted and room.kept(wanted)):
            room.make(source, runner, read_only, network)
        fcntl.flock(lock, fcntl.LOCK_SH)  # others may use the data now, and nobody may make it anew
        prepared = room.kept()
        if prepared is None:
            raise ProjectFault(
                f"the data in {room.scratch} changed while it was in use", "autoresearch start"
            )
        yield prepared


def _try_alone(lock: IO[str]) -> bool:
    """Whether this process alone may write the folder; where another makes the data just now, it is waited for."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(lock, fcntl.LOCK_SH)
        return False
    return True


class _Room:
    """The folder of one prepare.py, and beside it its lock, log, exported copy and the note on what was taken over."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.log = scratch.with_suffix(".log")
        self._copy = scratch.with_suffix(".source")
        self._note = scratch.with_suffix(".json")

    @contextmanager
    def locked(self) -> Iterator[IO[str]]:
        """The open lock file; ProjectFault where the cache cannot be written."""
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            lock = os.open(
                self.scratch.with_suffix(".lock"),
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o644,
            )
        except OSError as error:
            message = f"cannot keep the data in {self.scratch.parent}: {error.strerror}"
            raise ProjectFault(
                message, "export AUTORESEARCH_CACHE=FOLDER   # one that you can write"
            ) from None
        with os.fdopen(lock, "r+") as file:
            yield file

    def kept(self, fingerprint: str | None = None) -> Prepared | None:
        """What was taken over, if it is still as it was then, and has this fingerprint."""
        note = self._noted()
        if note is None or not self._holds(note) or fingerprint not in (None, note.fingerprint):
            return None
        return Prepared(data=str(self.scratch / note.data), fingerprint=note.fingerprint)

    def _noted(self) -> _Note | None:
        try:
            return _Note.model_validate_json(self._note.read_bytes())
        except (OSError, ValidationError):
            return None

    def _holds(self, note: _Note) -> bool:
        """Whether what was taken over is still as it was then."""
        try:
            return digest_of(self.scratch, str(self.scratch / note.data)) == note.digest
        except Unfit:
            return False

    def make(
        self, source: Source, runner: Runner, read_only: tuple[str, ...], network: bool
    ) -> None:
        """Run `source`, check what it made, and note it down."""
        before = self._noted()
        self._note.unlink(missing_ok=True)
        for left in (self._copy, *self.scratch.glob(".private-*")):  # of a start that was killed
            shutil.rmtree(left, ignore_errors=True)
        try:
            source.export(self._copy)
            script = self._copy / source.inside
            script.unlink()
            script.write_bytes(source.text)  # whatever an export's filters made of it
            outcome = runner.run(self._spec(source, read_only, network), threading.Event())
        finally:
            shutil.rmtree(self._copy, ignore_errors=True)
        answer = _answer(self.log)
        if not network and _wants_network(outcome, answer, self.log):
            raise NetworkWanted(source, _addresses(answer), self.log)
        if not isinstance(outcome, Finished):
            raise self._fault(source, _ending(outcome))
        self._accept(source, answer, before)

    def _spec(self, source: Source, read_only: tuple[str, ...], network: bool) -> RunSpec:
        script = self._copy / source.inside
        environment = {
            "AUTORESEARCH_CACHE": str(self.scratch),
            "AUTORESEARCH_NETWORK": "1" if network else "0",
            "HF_HUB_OFFLINE": "0" if network else "1",
        }
        if corpus := shipped_corpus():
            environment["AUTORESEARCH_CORPUS"] = str(corpus)
            read_only = (*read_only, str(corpus))
        if network:
            environment |= {name: os.environ[name] for name in PROXIES if name in os.environ}
        memory = int(total_memory() * MEMORY_SHARE)
        return RunSpec(
            # -I: no file beside it, in the folder or in the user's own packages stands in for a library's
            argv=(sys.executable, "-I", "-u", str(script)),
            folder=str(script.parent),
            scratch=str(self.scratch),
            log=str(self.log),
            read_only=read_only,
            environment=environment,
            network=network,
            limits=Limits(wall_seconds=WALL_SECONDS, disk_bytes=DISK_BYTES, memory_bytes=memory),
        )

    def _accept(self, source: Source, answer: Mapping[str, Any], before: _Note | None) -> None:
        """Note what was made. before: what was taken over last time; where it is as it was, nothing is checked again."""
        data, fingerprint = answer.get("data"), answer.get("fingerprint")
        if not isinstance(data, str) or not isinstance(fingerprint, str):
            raise self._fault(
                source, 'must print as its last line JSON {"data": folder, "fingerprint": hash}'
            )
        try:
            inside = os.path.relpath(data, self.scratch)
            same = before is not None and (before.data, before.fingerprint) == (
                inside,
                fingerprint[:200],
            )
            if before is not None and same and self._holds(before):
                note = before
            else:
                digest = take_over(self.scratch, data)
                note = _Note(data=inside, fingerprint=fingerprint[:200], digest=digest)
        except Unfit as unfit:
            raise self._fault(source, f"made data that is not used: {unfit}") from None
        self._note.write_text(note.model_dump_json(), encoding="utf-8")

    def _fault(self, source: Source, what: str) -> ProjectFault:
        words = tail(self.log)[-TAIL_CHARACTERS:].strip()
        message = f"{source.name} {what}" + (f"\n{words}" if words else "")
        return ProjectFault(
            message, f"$EDITOR {shlex.quote(source.name)}   # its log: {shlex.quote(str(self.log))}"
        )


def _answer(log: Path) -> Mapping[str, Any]:
    """The JSON object on the last line that holds one; nothing where there is none."""
    for line in reversed(tail(log).splitlines()):
        with suppress(ValueError, RecursionError):
            answer = json.loads(line)
            if isinstance(answer, dict):
                return answer
    return {}


def _wants_network(outcome: Outcome, answer: Mapping[str, Any], log: Path) -> bool:
    if not isinstance(outcome, Crashed):
        return False
    words = tail(log).lower()
    return answer.get("needs") == "network" or any(word in words for word in NETWORK_WORDS)


def _addresses(answer: Mapping[str, Any]) -> tuple[str, ...]:
    named = answer.get("from")
    texts = [text for text in named if isinstance(text, str)] if isinstance(named, list) else []
    return tuple(one_line(text)[:200] for text in texts[:MAX_SOURCES])


def _ending(outcome: Outcome) -> str:
    if isinstance(outcome, Crashed):
        if outcome.exit_code is not None:
            return f"failed with exit code {outcome.exit_code}"
        return f"was ended by signal {outcome.signal}"
    return {
        "timed-out": f"took longer than {WALL_SECONDS / 3600:.0f} hours",
        "out-of-memory": f"needs more than {MEMORY_SHARE:.0%} of the memory",
        "limit-exceeded": "wrote or printed more than it may",
    }.get(outcome.kind, "was stopped")
