"""Settings: what autoresearch.toml says of a project, and what a start was asked for and a resume needs."""

import difflib
import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from agent.errors import UsageFault
from agent.judge import LEAST_FALSE_KEEPS, VerdictRule
from agent.pruning import PruneRule
from sandbox.budget import Budget
from sandbox.record import Record

FILE = "autoresearch.toml"
ScoreKind = Literal["sealed", "printed"]
# More than the one is no setting file; less memory than the next starts no Python, more than the last is no machine.
MAX_BYTES = 1 << 20
MIN_MEMORY, MAX_MEMORY = 1 << 24, 1 << 60
_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def size_in_bytes(value: Any) -> Any:
    """`8GiB` or `500MB` as bytes; ValueError where it is no size."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", value.lower(), re.ASCII)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"not a size: {value!r} (write 8GiB or 500MB)")
    return int(Decimal(match[1]) * _UNITS[match[2]])


Size = Annotated[Annotated[int, Field(gt=0, le=MAX_MEMORY)] | None, BeforeValidator(size_in_bytes)]
Memory = Annotated[Annotated[int, Field(ge=MIN_MEMORY, le=MAX_MEMORY)] | None, BeforeValidator(size_in_bytes)]


class Caps(Record):
    """What one trial may use, in bytes: memory, memory of its GPUs, disk (and so the size of its weights), printed output."""

    memory: Memory = None
    vram: Size = None
    disk: Size = None
    output: Size = None

    def over(self, other: "Caps") -> "Caps":
        """These, and `other`'s where these say nothing."""
        return Caps(**{name: getattr(self, name) or getattr(other, name) for name in Caps.model_fields})


class Settings(Caps):
    """What autoresearch.toml may say; every key is optional.

    train, prepare, program: paths inside the project. score: sealed or printed. protected: names in train.py that no edit may
    change. read_only: further paths that a training may read, relative to the file's folder or with a ~. memory, vram, disk,
    output: limits of one trial, `8GiB`. ranges: constant -> `0.01 .. 1 log`.
    """

    train: str | None = None
    prepare: str | None = None
    program: str | None = None
    score: ScoreKind | None = None
    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    ranges: dict[str, str] = {}

    @field_validator("train", "prepare", "program")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        parts = PurePosixPath(path).parts if path is not None else ("file",)
        if not parts or ".." in parts or parts[0] == "/":
            raise ValueError(f"{path!r} is not the path of a file inside the project")
        return path


class RunSettings(Record):
    """What a start was asked for; kept in the run's first commit. caps: those that were asked for on the command line.

    warm: the name of the file whose trials the run began with. prune: which trainings are given up before their end.
    """

    tag: str
    method: str
    model: str | None
    budget: Budget
    seed: int
    workers: int
    trials: int | None
    hours: float | None
    max_cost: float | None
    baseline_repeats: int
    data_fingerprint: str | None
    start_commit: str
    score: ScoreKind
    caps: Caps = Caps()
    verdict: VerdictRule = "sequential"
    false_keeps: float = Field(default=LEAST_FALSE_KEEPS, ge=LEAST_FALSE_KEEPS, le=25)
    warm: str | None = None
    prune: PruneRule = "off"


def read_settings(folder: Path) -> Settings:
    """The settings in `folder`/autoresearch.toml, or the defaults; UsageFault names an unknown key and the nearest one."""
    path = folder / FILE
    try:
        data = tomllib.loads(_text(path))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, RecursionError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise UsageFault(f"{path}: {error}", f"$EDITOR {path}") from None
    for key in data:
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, 1) or [", ".join(Settings.model_fields)]
            raise UsageFault(f"{path}: no setting is called {key!r}; did you mean {near[0]}?", f"$EDITOR {path}")
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageFault(f"{path}: {where}: {first['msg']}", f"$EDITOR {path}") from None
    # Links stay links: below the home they are what a training follows to its data.
    readable = tuple(os.path.abspath(folder / Path(name).expanduser()) for name in settings.read_only)  # noqa: PTH100
    return settings.model_copy(update={"read_only": readable})


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes, which no file of settings is")
    return data.decode("utf-8-sig")
