"""The file of results: one line a trial, only ever appended to, so that a bench that was killed anywhere goes on where it was.

A line that was being written when the process died has no end; it is cut off before anything is appended.
"""

import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from agent.benchmark.task import Quality, Task
from agent.errors import UsageFault
from agent.records.proposals import Configuration, Proposal
from agent.records.results import Failure
from sandbox.ground.record import Record

LEARNT = 20
"""Trials up to here teach what fails; a failure after them is waste."""


class Game(Record):
    """One method on one task under one seed."""

    task: str
    method: str
    seed: int


class Setup(Record):
    """What a task was when its first trial was played; `space` is a digest of it."""

    kind: Literal["setup"] = "setup"
    task: str
    about: str
    noise: str
    space: str
    machine: str
    versions: dict[str, str]
    quality: Quality | None = None


class Line(Record):
    """One trial of a game; number 0 is the baseline. value: as the method saw it; true: without the noise, where it is known.

    failure: why there is no value; `refused` where a model's answer was no proposal, and nothing ran. asked, ran: seconds that
    proposing and evaluating took. proposal: of a method that works with a model, with its tokens and dollars. reason: of a
    refusal.
    """

    kind: Literal["trial"] = "trial"
    game: Game
    number: int = Field(ge=0)
    configuration: Configuration
    value: FiniteFloat | None = None
    true: FiniteFloat | None = None
    failure: Failure | Literal["refused"] | None = None
    curve: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()
    asked: FiniteFloat = Field(default=0.0, ge=0)
    ran: FiniteFloat = Field(default=0.0, ge=0)
    proposal: Proposal | None = None
    reason: str = ""

    @property
    def score(self) -> float | None:
        """What counts: the true score where it is known, else the measured one; None where there is none."""
        return self.value if self.true is None else self.true


class Asked(Record):
    """A command that added to the file, for whoever wants to do it again. trials: how many a game of `tasks` is to have."""

    kind: Literal["asked"] = "asked"
    command: str
    tasks: tuple[str, ...]
    trials: int = Field(ge=1)


Row = Setup | Line | Asked
_ROWS: TypeAdapter[Row] = TypeAdapter(Annotated[Row, Field(discriminator="kind")])


class Results:
    """All that a file holds. Read with `read`; written to inside `with Results.open(path)`, by one process at a time."""

    def __init__(self, path: Path, rows: Iterable[Row]) -> None:
        self.path = path
        self.setups: dict[str, Setup] = {}
        self.games: dict[Game, list[Line]] = {}
        self.commands: list[str] = []
        self.lengths: dict[str, int] = {}
        """How many trials a whole game of each task has: the most that were asked for."""
        self._file: int | None = None
        for row in rows:
            self._take(row)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What the file holds; nothing where there is none."""
        return cls(path, _read(path)[0])

    @classmethod
    def open(cls, path: Path) -> "Results":
        """The same, to go on with: locked for this process, without a torn end."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UsageFault(
                f"cannot write {path}: {error.strerror}", "autoresearch bench --output bench.jsonl"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rows, whole = _read(path)
            os.ftruncate(file, whole)
        except BlockingIOError:
            os.close(file)
            raise UsageFault(
                f"another bench writes to {path}", "autoresearch bench --output OTHER.jsonl"
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
        """Note how a task is played from now on; UsageFault where the file's trials of it were of another task by that name."""
        before = self.setups.get(setup.task)
        if before is None:
            self.append(setup)
        elif (before.space, before.noise) != (setup.space, setup.noise):
            message = (
                f"the trials of {setup.task} in {self.path} are of another version of that task"
            )
            raise UsageFault(message, "autoresearch bench --output OTHER.jsonl")

    def note(self, asked: Asked) -> None:
        """Note the command that adds to the file from now on, once."""
        if asked.command not in self.commands:
            self.append(asked)

    def lines(self, game: Game) -> Sequence[Line]:
        """The trials of a game so far, in order."""
        return self.games.get(game, ())

    def _take(self, row: Row) -> None:
        match row:
            case Setup():
                self.setups[row.task] = row
            case Asked():
                self.commands.append(row.command)
                self.lengths |= {
                    task: max(row.trials, self.lengths.get(task, 0)) for task in row.tasks
                }
            case Line():
                lines = self.games.setdefault(row.game, [])
                if row.number == len(
                    lines
                ):  # a repeated number would be of two writers: the first counts
                    lines.append(row)


def _read(path: Path) -> tuple[list[Row], int]:
    """The rows of a file, and how many of its bytes they are: what follows is a torn line."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UsageFault(
            f"cannot read {path}: {error.strerror}", "autoresearch bench --output bench.jsonl"
        ) from None
    whole = content.rfind(b"\n") + 1
    rows: list[Row] = []
    for number, line in enumerate(content[:whole].split(b"\n")[:-1], 1):
        try:
            rows.append(_ROWS.validate_json(line))
        except ValidationError:
            message = f"line {number} of {path} is no trial of a bench"
            raise UsageFault(
                message, f"sed -i {number}d {path}   # or --output OTHER.jsonl"
            ) from None
    return rows, whole


def setup_of(task: Task, machine: str, versions: dict[str, str]) -> Setup:
    """How `task` is played here."""
    from hashlib import sha256

    space = sha256(task.space.model_dump_json().encode()).hexdigest()[:16]
    return Setup(
        task=task.name,
        about=task.about,
        noise=task.noise,
        space=space,
        machine=machine,
        versions=versions,
        quality=task.quality,
    )
