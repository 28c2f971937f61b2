"""Settings: what autoresearch.toml says of a project, and what a start was asked for and a resume needs."""

import difflib
import os
import re
import stat
import tomllib
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from agent.errors import UsageFault
from agent.git.home import MAX_TAG, is_tag
from agent.judge.decide import LEAST_FALSE_KEEPS, VerdictRule
from agent.judge.pruning import PruneRule
from agent.judge.suspicion import Plausible
from agent.records.bounded import Natural, Quantity, Whole
from sandbox.ground.budget import Budget
from sandbox.ground.record import Record

FILE = "autoresearch.toml"
ScoreKind = Literal["sealed", "printed"]
# More than the one is no setting file; less memory than the next starts no Python, more than the last is no machine.
MAX_BYTES = 1 << 16
# tomllib takes time that grows with the square of the parts of a dotted name.
MAX_DOTS = 64
MAX_NAME, MAX_PATH = 255, 4000
MIN_MEMORY, MAX_MEMORY = 1 << 24, 1 << 60
# Of what a branch's first commit may say.
MAX_WORD, MAX_WORKERS, MAX_REPEATS = 4096, 4096, 10_000
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
Memory = Annotated[
    Annotated[int, Field(ge=MIN_MEMORY, le=MAX_MEMORY)] | None, BeforeValidator(size_in_bytes)
]


class Caps(Record):
    """What one trial may use, in bytes: memory, memory of its GPUs, disk (and so the size of its weights), printed output."""

    memory: Memory = None
    vram: Size = None
    disk: Size = None
    output: Size = None

    def over(self, other: "Caps") -> "Caps":
        """These, and `other`'s where these say nothing."""
        return Caps(
            **{name: getattr(self, name) or getattr(other, name) for name in Caps.model_fields}
        )


class Settings(Caps):
    """What autoresearch.toml may say; every key is optional.

    train, prepare, program: paths inside the project. score: sealed or printed. protected: names in train.py that no edit may
    change. read_only: further paths that a training may read, relative to the file's folder or with a ~. memory, vram, disk,
    output: limits of one trial, `8GiB`. ranges: constant -> `0.01 .. 1 log`. plausible: val_bpb outside `0.5 .. 9` is suspicious.
    """

    train: str | None = None
    prepare: str | None = None
    program: str | None = None
    score: ScoreKind | None = None
    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    ranges: dict[str, str] = {}
    plausible: Plausible = None

    @field_validator("read_only")
    @classmethod
    def _a_path(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in path for path in paths):
            raise ValueError("a path holds no NUL")
        return paths

    @field_validator("train", "prepare", "program")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        parts = PurePosixPath(path).parts if path is not None else ("file",)
        if not parts or ".." in parts or parts[0] == "/" or "\0" in (path or ""):
            raise ValueError(f"{path!r} is not the path of a file inside the project")
        return path

    @field_validator("read_only")
    @classmethod
    def _possible(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if (
                not path
                or "\0" in path
                or max(map(len, os.fsencode(path).split(b"/"))) > MAX_NAME
                or len(path) > MAX_PATH
            ):
                raise ValueError(f"{path[:60]!r} is no path")
        return paths


class RunSettings(Record):
    """What a start was asked for; kept in the run's first commit. caps: those that were asked for on the command line.

    warm: the name of the file whose trials the run began with. prune: which trainings are given up before their end. plausible:
    scores outside are measured again.
    """

    tag: Annotated[str, Field(max_length=MAX_TAG)]
    method: Annotated[str, Field(max_length=MAX_WORD)]
    model: Annotated[str, Field(max_length=MAX_WORD)] | None
    budget: Budget
    seed: Whole
    workers: Annotated[int, Field(ge=1, le=MAX_WORKERS)]
    trials: Natural | None
    hours: Quantity | None
    max_cost: Quantity | None
    baseline_repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)]
    data_fingerprint: Annotated[str, Field(max_length=MAX_WORD)] | None
    start_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    score: ScoreKind
    caps: Caps = Caps()
    verdict: VerdictRule = "sequential"
    false_keeps: float = Field(default=LEAST_FALSE_KEEPS, ge=LEAST_FALSE_KEEPS, le=25)
    warm: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    prune: PruneRule = "off"
    plausible: Plausible = None

    @field_validator("tag")
    @classmethod
    def _name_of_a_branch(cls, tag: str) -> str:
        if not is_tag(tag):
            raise ValueError(f"{tag!r} is no tag: a run's branch cannot be called so")
        return tag


def read_settings(folder: Path) -> Settings:
    """The settings in `folder`/autoresearch.toml, or the defaults; UsageFault names an unknown key and the nearest one."""
    path = folder / FILE
    try:
        data = tomllib.loads(_text(path))
    except FileNotFoundError:
        return Settings()
    except (
        OSError,
        ValueError,
        RecursionError,
    ) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise UsageFault(f"{path}: {error}", f"$EDITOR {path}") from None
    for key in data:
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, 1) or [
                ", ".join(Settings.model_fields)
            ]
            raise UsageFault(
                f"{path}: no setting is called {key!r}; did you mean {near[0]}?", f"$EDITOR {path}"
            )
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageFault(f"{path}: {where}: {first['msg']}", f"$EDITOR {path}") from None
    # Links stay links: below the home they are what a training follows to its data.
    readable = tuple(os.path.abspath(folder / _expanded(name, path)) for name in settings.read_only)  # noqa: PTH100
    return settings.model_copy(update={"read_only": readable})


def _expanded(name: str, file: Path) -> Path:
    """`name` with its ~ or ~user replaced; UsageFault where there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageFault(
            f"{file}: read_only: {name!r}: there is no such user here", f"$EDITOR {file}"
        ) from None


def _text(path: Path) -> str:
    """The text of a plain file: neither a link, which may lead anywhere, nor a pipe, which may never end."""
    if path.is_symlink():
        raise ValueError("a symbolic link; settings are read from the file itself")
    with os.fdopen(
        os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a plain file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes, which no file of settings is")
    text = data.decode("utf-8-sig")
    if any(part.count(".") > MAX_DOTS for line in text.splitlines() for part in line.split("=")):
        raise ValueError(f"a name of more than {MAX_DOTS} parts")
    return text
