"""The file of results: one JSON line a trial, only ever appended to.

A benchmark that was killed anywhere resumes from it. A line that was being written when the
process died has no end; it is cut off before anything is appended.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from agent.benchmark.task import Quality, Task
from agent.errors import UsageFault
from agent.records.proposals import Configuration, Proposal
from agent.records.results import Failure
from sandbox.ground.plain_files import named_file
from sandbox.ground.record import Record

MAX_BYTES = 1 << 30
"""Of a file of results."""
LEARNT = 20
"""Trials up to this number teach what fails; a failure after them is waste."""

# Keys of files that were written before the words of today.
OLD_KEYS = {"game": "run", "asked": "propose_seconds", "ran": "evaluate_seconds"}


class Run(Record):
    """One method on one task under one seed."""

    task: str
    method: str
    seed: int


class Setup(Record):
    """What a task was when its first trial was run."""

    kind: Literal["setup"] = "setup"
    task: str
    about: str
    noise: str
    space: str
    """A digest of the space."""
    machine: str
    versions: dict[str, str]
    quality: Quality | None = None


class Line(Record):
    """One trial of a run."""

    kind: Literal["trial"] = "trial"
    run: Run
    number: int = Field(ge=0)
    """0 is the baseline."""
    configuration: Configuration
    value: FiniteFloat | None = None
    """The score as the method saw it."""
    true: FiniteFloat | None = None
    """The score without the noise, if it is known."""
    failure: Failure | Literal["refused"] | None = None
    """Why there is no value; `refused` if a model's reply was no proposal, and nothing ran."""
    curve: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()
    propose_seconds: FiniteFloat = Field(default=0.0, ge=0)
    evaluate_seconds: FiniteFloat = Field(default=0.0, ge=0)
    proposal: Proposal | None = None
    """Of a method that asks a model, with its tokens and dollars."""
    reason: str = ""
    """Of a refusal."""

    @property
    def score(self) -> float | None:
        """Return the true score if it is known, else the measured one; None if there is none."""
        return self.value if self.true is None else self.true


class Command(Record):
    """A command that added to the file, for anyone who wants to repeat it."""

    kind: Literal["command"] = "command"
    command: str
    tasks: tuple[str, ...]
    trials: int = Field(ge=1)
    """How many trials a run of `tasks` has when it is complete."""


Row = Setup | Line | Command
_ROWS: TypeAdapter[Row] = TypeAdapter(Annotated[Row, Field(discriminator="kind")])


class Results:
    """All that a file holds, from `read`; one process at a time adds to it, inside `open`."""

    def __init__(self, path: Path, rows: Iterable[Row]) -> None:
        self.path = path
        self.setups: dict[str, Setup] = {}
        self.runs: dict[Run, list[Line]] = {}
        self.commands: list[str] = []
        self.lengths: dict[str, int] = {}
        """How many trials a complete run of each task has: the most that a command asked for."""
        self._file: int | None = None
        for row in rows:
            self._take(row)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Return what the file holds; nothing if it does not exist."""
        return cls(path, _read(path)[0])

    @classmethod
    def open(cls, path: Path) -> "Results":
        """Return the same to be added to: locked for this process, a torn end cut off."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UsageFault(
                f"cannot write {path}: {error.strerror}", "autoresearch bench --output bench.jsonl"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rows, complete = _read(path)
            os.ftruncate(file, complete)
        except BlockingIOError:
            os.close(file)
            raise UsageFault(
                f"another benchmark writes to {path}", "autoresearch bench --output OTHER.jsonl"
            ) from None
        except BaseException:
            os.close(file)
            raise
        results = cls(path, rows)
        results._file = file
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def append(self, row: Row) -> None:
        """Write one row: whole, or with a torn end that the next `open` cuts off."""
        assert self._file is not None, "opened for reading"
        left = (row.model_dump_json(exclude_none=True) + "\n").encode()
        while left:
            left = left[os.write(self._file, left) :]
        self._take(row)

    def agree(self, setup: Setup) -> None:
        """Record what a task is; raise UsageFault if the file has another version of it."""
        before = self.setups.get(setup.task)
        if before is None:
            self.append(setup)
        elif (before.space, before.noise) != (setup.space, setup.noise):
            message = f"the trials of {setup.task} in {self.path} are of another version of it"
            raise UsageFault(message, "autoresearch bench --output OTHER.jsonl")

    def note(self, command: Command) -> None:
        """Record the command that adds to the file from now on, once."""
        if command.command not in self.commands:
            self.append(command)

    def lines(self, run: Run) -> Sequence[Line]:
        """Return the trials of a run so far, in order."""
        return self.runs.get(run, ())

    def _take(self, row: Row) -> None:
        match row:
            case Setup():
                self.setups[row.task] = row
            case Command():
                self.commands.append(row.command)
                for task in row.tasks:
                    self.lengths[task] = max(row.trials, self.lengths.get(task, 0))
            case Line():
                lines = self.runs.setdefault(row.run, [])
                # A repeated number would come from two writers: the first one counts.
                if row.number == len(lines):
                    lines.append(row)


def _read(path: Path) -> tuple[list[Row], int]:
    """Return the rows of a file, and the bytes they take: what follows is a torn line."""
    try:
        content = named_file(path, MAX_BYTES) if path.exists() else b""
    except OSError as error:
        raise UsageFault(
            f"cannot read {path}: {error.strerror}", "autoresearch bench --output bench.jsonl"
        ) from None
    complete = content.rfind(b"\n") + 1
    rows: list[Row] = []
    for number, line in enumerate(content[:complete].split(b"\n")[:-1], 1):
        try:
            rows.append(_row(line))
        except ValueError:
            raise UsageFault(
                f"line {number} of {path} is no trial of a benchmark",
                f"sed -i {number}d {quote(str(path))}   # or --output OTHER.jsonl",
            ) from None
    return rows, complete


def _row(line: bytes) -> Row:
    """Return a line of a file as a row; raise ValueError if it is none."""
    try:
        return _ROWS.validate_json(line)
    except ValidationError:
        return _ROWS.validate_python(_renewed(json.loads(line)))


def _renewed(row: Any) -> Any:
    """Return a row of an older file with the keys of today."""
    if not isinstance(row, dict):
        return row
    if row.get("kind") == "asked":
        return row | {"kind": "command"}
    if row.get("kind") == "trial":
        return {OLD_KEYS.get(key, key): value for key, value in row.items()}
    return row


def setup_of(task: Task, machine: str, versions: dict[str, str]) -> Setup:
    """Return what `task` is here."""
    return Setup(
        task=task.name,
        about=task.about,
        noise=task.noise,
        space=sha256(task.space.model_dump_json().encode()).hexdigest()[:16],
        machine=machine,
        versions=versions,
        quality=task.quality,
    )
