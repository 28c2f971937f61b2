"""Runs a project's prepare.py in the sandbox to make its data, before anything is measured.

prepare.py may be a stranger's. It runs as a trial does: without keys, without files but its own,
without a network unless the user agreed to it, and with one folder to write in,
<cache>/<hash of prepare.py>, which is kept from one start to the next. What it leaves there is
checked before the harness uses it (agent/project/prepared.py).
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from agent.errors import ProjectFault
from agent.evaluate.machine import total_memory
from agent.git.cache import data_root
from agent.project.find import CORPORA
from agent.project.prepare_code import Code, code_of
from agent.project.prepare_log import addresses_in, answer_of, lacking, wants_network
from agent.project.prepared import Prepared, Unfit, digest_of, take_over
from agent.project.template import shipped_corpus
from agent.records.stage import Stage
from sandbox.ground.outcome import (
    GIB,
    SYSTEM,
    Crashed,
    Finished,
    Limits,
    Outcome,
    Runner,
    RunSpec,
)
from sandbox.ground.record import Record
from sandbox.ground.text import last_words, tail
from sandbox.walls.mounts import interpreter_paths

__all__ = [
    "OWN_FOLDERS",
    "NetworkWanted",
    "Prepared",
    "Source",
    "file_source",
    "prepare_data",
    "stage_of",
]

WALL_SECONDS = 12 * 3600.0  # a corpus of gigabytes over a slow line
DISK_BYTES = 256 * GIB
MEMORY_SHARE = 0.8
TAIL_CHARACTERS = 1500
MAX_FINGERPRINT = 200
MAX_STAGE = 100
# What prepare.py prints while it downloads and tokenises (workspace/corpora.py).
PROGRESS = re.compile(r"progress ([0-9]{1,18})/([0-9]{1,18}) (.{1,100})")
# How a machine reaches the network, where it needs telling.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Source:
    """A prepare.py."""

    text: bytes
    inside: str
    """Its path in the folder that `export` writes."""
    export: Callable[[Path], None]
    """Writes the commit that it belongs to."""
    name: str
    """What messages call it."""
    corpora: bytes | None = None
    """The text of the corpora.py beside it, if there is one."""
    repository: Path | None = None
    """Where it comes from; what lies there may be a stranger's."""
    names_python: bool = False
    """Whether its settings, or a run's record, name the Python: that may be a stranger's, too."""

    @property
    def sha256(self) -> str:
        """The hash that names its folder."""
        whole = hashlib.sha256(self.text)
        if self.corpora is not None:
            whole.update(hashlib.sha256(self.corpora).digest())
        return whole.hexdigest()


class NetworkWanted(ProjectFault):
    """prepare.py failed without a network.

    code: what it can run. log: the file of what it printed.
    """

    def __init__(self, source: Source, code: Code, log: Path) -> None:
        self.code = code
        self.sources = addresses_in(log)
        self.last_line = last_words(log)
        super().__init__(
            f"{source.name} needs the network: {self.last_line}", f"less {shlex.quote(str(log))}"
        )


class _Note(Record):
    """The note on a folder of data that passed the checks."""

    data: str = Field(min_length=1)
    """Its path below the scratch folder."""
    fingerprint: str
    digest: str


OWN_FOLDERS = ("prepared", "searched")
"""What autoresearch keeps in the user's cache, in a folder that upstream's prepare.py uses too."""


def file_source(path: Path) -> Source:
    """Return a prepare.py that needs nothing beside it but a corpora.py."""
    beside = path.with_name(CORPORA)
    corpora = beside.read_bytes() if beside.is_file() else None
    return Source(path.read_bytes(), "prepare.py", Path.mkdir, str(path), corpora)


@contextmanager
def prepare_data(
    source: Source,
    runner: Runner,
    *,
    read_only: tuple[str, ...] = (),
    python: str = sys.executable,
    agreed: Code | None = None,
    wanted: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Prepared]:
    """Yield the data that `source` makes; it does not change until the block ends.

    read_only: what the source may read besides. python: the interpreter that runs it. agreed: the
    code that may use the network; None for none. wanted: the fingerprint of data that will do;
    where the folder already holds it, nothing runs. tell: is told why it takes long.
    Raise NetworkWanted where it failed for lack of a network, ProjectFault where it failed
    otherwise or made data that cannot be used.
    """
    room = _room_of(source)
    with room.locked() as lock:
        alone = _try_alone(lock, tell or _nobody)
        if alone and not (wanted and room.kept(wanted)):
            room.make(source, runner, read_only, python, agreed)
        # Others may use the data now, and nobody may make it again.
        fcntl.flock(lock, fcntl.LOCK_SH)
        prepared = room.kept()
        if prepared is None:
            raise ProjectFault(
                f"The data in {room.scratch} changed while it was in use.", "autoresearch start"
            )
        yield prepared


def stage_of(source: Source) -> Stage | None:
    """Return how far a prepare.py that runs now has come, by the last line that it printed.

    A line `progress 12/456 what` gives the share; any other line is shown as it is.
    """
    words = last_words(_room_of(source).log)
    if match := PROGRESS.fullmatch(words):
        of = int(match[2])
        return Stage(match[3], min(1.0, int(match[1]) / of) if of else None)
    return Stage(words[:MAX_STAGE]) if words else None


def _nobody(_: str) -> None:
    """Ignore a message."""


def _room_of(source: Source) -> "_Room":
    return _Room(data_root() / source.sha256[:16])


def _try_alone(lock: IO[str], tell: Callable[[str], None]) -> bool:
    """Return whether this process alone may write the folder.

    Where another process is making the data, wait for it.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell("another autoresearch is preparing the same data, or using it")
        fcntl.flock(lock, fcntl.LOCK_SH)
        return False
    return True


class _Room:
    """The folder of one prepare.py; beside it lie its lock, log, exported copy and note."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.log = scratch.with_suffix(".log")
        self._copy = scratch.with_suffix(".source")
        self._note = scratch.with_suffix(".json")

    @contextmanager
    def locked(self) -> Iterator[IO[str]]:
        """Yield the open lock file; raise ProjectFault where the cache cannot be written."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.scratch.with_suffix(".lock"), flags, 0o644)
        except OSError as error:
            raise ProjectFault(
                f"Cannot keep the data in {self.scratch.parent}: {error.strerror}.",
                "export AUTORESEARCH_CACHE=FOLDER   # one that you can write",
            ) from None
        with os.fdopen(lock, "r+") as file:
            yield file

    def kept(self, fingerprint: str | None = None) -> Prepared | None:
        """Return the accepted data if it is unchanged and has this fingerprint, else None."""
        note = self._noted()
        if note is None or not self._holds(note):
            return None
        if fingerprint not in (None, note.fingerprint):
            return None
        return Prepared(data=str(self.scratch / note.data), fingerprint=note.fingerprint)

    def _noted(self) -> _Note | None:
        try:
            return _Note.model_validate_json(self._note.read_bytes())
        except (OSError, ValidationError):
            return None

    def _holds(self, note: _Note) -> bool:
        """Return whether the accepted data is unchanged."""
        try:
            return digest_of(self.scratch, str(self.scratch / note.data)) == note.digest
        except Unfit:
            return False

    def make(
        self,
        source: Source,
        runner: Runner,
        read_only: tuple[str, ...],
        python: str,
        agreed: Code | None,
    ) -> None:
        """Run `source`, check what it made, and note it down."""
        before = self._noted()
        self._note.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)  # what it says is of another time
        # A start that was killed leaves these.
        for leftover in (self._copy, *self.scratch.glob(".private-*")):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            source.export(self._copy)
            script = self._copy / source.inside
            _put(script, source.text)
            _put(script.with_name(CORPORA), source.corpora)
            spec = self._spec(source, read_only, python, agreed is not None)
            if agreed and self._code(source, spec) != agreed:
                raise ProjectFault(f"What {source.name} can run changed.", "autoresearch start")
            outcome = runner.run(spec, threading.Event())
            if not agreed and wants_network(outcome, self.log):
                raise NetworkWanted(source, self._code(source, spec), self.log)
        finally:
            shutil.rmtree(self._copy, ignore_errors=True)
        if not isinstance(outcome, Finished):
            raise self._fault(source, f"{_ending(outcome)}{lacking(self.log, python)}")
        self._accept(source, answer_of(self.log), before)

    def _code(self, source: Source, spec: RunSpec) -> Code:
        """Return what a run can execute of the copy and of the repository."""
        shown = dict.fromkeys((*spec.read_only, *interpreter_paths(spec.argv[0])))
        brought = [path for path in shown if _is_brought(path, source, spec.argv[0])]
        return code_of(Path(spec.folder), brought)

    def _spec(
        self, source: Source, read_only: tuple[str, ...], python: str, network: bool
    ) -> RunSpec:
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
            # -I: no file in its folder or in the user's own packages replaces a library's.
            argv=(python, "-I", "-u", str(script)),
            python=python,
            folder=str(script.parent),
            scratch=str(self.scratch),
            log=str(self.log),
            read_only=read_only,
            environment=environment,
            network=network,
            limits=Limits(wall_seconds=WALL_SECONDS, disk_bytes=DISK_BYTES, memory_bytes=memory),
        )

    def _accept(self, source: Source, answer: Mapping[str, Any], before: _Note | None) -> None:
        """Note what was made.

        before: what was taken over last time; where it is unchanged, nothing is checked again.
        """
        data = answer.get("data")
        fingerprint = answer.get("fingerprint")
        if not isinstance(data, str) or not data or not isinstance(fingerprint, str):
            raise self._fault(
                source, 'must print as its last line JSON {"data": folder, "fingerprint": hash}'
            )
        fingerprint = fingerprint[:MAX_FINGERPRINT]
        try:
            note = before
            if note is None or not self._repeats(note, data, fingerprint):
                note = _Note(
                    data=os.path.relpath(data, self.scratch),
                    fingerprint=fingerprint,
                    digest=take_over(self.scratch, data),
                )
        except Unfit as unfit:
            raise self._fault(source, f"made data that cannot be used: {unfit}") from None
        self._note.write_text(note.model_dump_json(), encoding="utf-8")

    def _repeats(self, note: _Note, data: str, fingerprint: str) -> bool:
        """Return whether a run of the source made the same data as before."""
        if note.data != os.path.relpath(data, self.scratch) or note.fingerprint != fingerprint:
            return False
        return self._holds(note)

    def _fault(self, source: Source, what: str) -> ProjectFault:
        words = tail(self.log)[-TAIL_CHARACTERS:].strip()
        message = f"{source.name} {what}" + (f"\n{words}" if words else "")
        log = shlex.quote(str(self.log))
        return ProjectFault(message, f"$EDITOR {shlex.quote(source.name)}   # its log: {log}")


def _put(path: Path, text: bytes | None) -> None:
    """Write a file, or none, in place of whatever an export, and its filters, made of it."""
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_bytes(text)


def _is_brought(path: str, source: Source, python: str) -> bool:
    """Return whether a path may have come with the repository of a prepare.py, or its Python."""
    own = (sys.prefix, sys.base_prefix)
    if source.repository is None or any(Path(path).is_relative_to(place) for place in own):
        return False
    if source.names_python and path in interpreter_paths(python):
        return not any(Path(path).is_relative_to(place) for place in SYSTEM)
    places = (path, os.path.realpath(path))
    return any(Path(place).is_relative_to(source.repository) for place in places)


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
