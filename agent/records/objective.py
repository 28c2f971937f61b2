"""The objective of a run: what is measured, which way is better, and what an edit may touch."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from agent.records.bounded import MAX_ITEMS, Real
from sandbox.ground.record import Record

MAX_WORD = 4096

Word = Annotated[str, Field(max_length=MAX_WORD)]
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_ITEMS)]


class Evaluator(Record):
    """The project's own evaluator."""

    command: Word
    hidden: Words = ()
    """Files that no run and no proposer sees."""
    public: Word | None = None
    """What a proposer may read about the evaluator."""


class Objective(Record):
    """What a run optimizes, fixed in its first commit. Unknown keys are refused."""

    version: Literal[1] = 1
    """Of this record; a key that an older version would misunderstand raises it."""
    metric: Word
    direction: Literal["minimize", "maximize"] = "minimize"
    target: Real | None = None
    """The run stops when the lower bound of fresh-seed runs passes it."""
    command: Word | None = None
    python: Word | None = None
    limit: Word | None = None
    """Time limit of a training that does not stop itself, such as `1.1x`."""
    files: Words = ()
    """Globs of the files that an edit may touch."""
    folder: Word | None = None
    """The folder of the repository that a trial gets a copy of, `.` for all of it.

    None for the one around train.py and everything that `files` can fit.
    """
    guards: Words = ()
    """Conditions that a keep must meet, such as `latency_ms <= 30`."""
    checks: Words = ()
    """Commands run after the training; a non-zero exit status is `guarded`."""
    also: Words = ()
    """Metrics that are recorded and not judged."""
    noise: Literal["measured", "none"] = "measured"
    scale: Literal["linear", "log", "logit"] = "linear"
    """The scale on which differences are alike."""
    read_only: Words = ()
    environment: Words = ()
    """Names of the environment variables that a run receives."""
    evaluate: Evaluator | None = None
    """None if the run prints the number itself."""
    ranges: Annotated[dict[Word, Word], Field(max_length=MAX_ITEMS)] = {}

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str | None) -> str | None:
        parts = PurePosixPath(folder or ".").parts
        if ".." in parts or parts[:1] == ("/",) or "\0" in (folder or ""):
            raise ValueError(f"{folder!r} is not a folder inside the repository")
        return folder


class Machine(Record):
    """A machine that measures for a run."""

    name: Word
    device: Word = ""
    """Model of the device that computes, such as a GPU's; empty if unknown."""
