"""Reads autoresearch.toml, and defines the record of what a run was asked for."""

import os
import re
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from agent.errors import UsageFault, unknown
from agent.git.home import MAX_TAG, is_tag
from agent.judge.decide import LEAST_FALSE_KEEPS, VerdictRule
from agent.judge.pruning import PruneRule
from agent.judge.suspicion import Plausible
from agent.llm.effort import Effort
from agent.project.code_places import MAX_PLACES, is_code_place
from agent.project.command_words import names_given, split_command
from agent.project.quantities import BudgetText, LimitText, as_it_is_written, size_in_bytes
from agent.project.staffing import NO_FILL, WriterCount
from agent.project.toml_text import line_of, load_toml, plain_text
from agent.project.variables import fault_of_variable
from agent.records.bounded import MAX_QUANTITY, MAX_WHOLE, Natural, Quantity, Real, Whole
from agent.records.evaluator import Evaluator
from agent.records.guards import MAX_GUARDS, Guard
from agent.records.lineage import Parent
from agent.records.looks import LookBounds
from agent.records.objective import (
    VAL_BPB,
    Direction,
    Machine,
    Noise,
    Objective,
    Python,
    Scale,
    Sense,
)
from agent.records.patterns import MAX_PATTERNS, fault_of_pattern
from sandbox.ground.budget import Budget, allowance_text
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain

FILE = "autoresearch.toml"
TELLS = "notify"
NO_TARGETS = (
    "who is told of a run is the user's to say, and no project's; see `autoresearch notify`."
)

ScoreKind = Literal["sealed", "evaluated", "printed"]

MAX_NAME = 255
MAX_PATH = 4000
MIN_MEMORY = 1 << 24
"""With less, Python does not start."""
MAX_MEMORY = 1 << 60
"""No machine has more."""

# Bounds of what a branch's first commit may hold.
MAX_WORD = 4096
MAX_WORKERS = 4096
MAX_REPEATS = 10_000
MAX_CHECKS = 16
MAX_FALSE_KEEPS = 25

_QUOTED = re.compile(r"'([^']*)'")
"""A choice, as pydantic lists them."""


# The values that options of a run may have, wherever they are written.
Word = Annotated[str, Field(max_length=MAX_WORD)]
TrialCount = Annotated[int, Field(ge=1, le=MAX_WHOLE)]
Hours = Annotated[FiniteFloat, Field(gt=0, le=MAX_QUANTITY)]
Dollars = Annotated[FiniteFloat, Field(ge=0, le=MAX_QUANTITY)]
Workers = Annotated[int, Field(ge=1, le=MAX_WORKERS)]
Repeats = Annotated[int, Field(ge=1, le=MAX_REPEATS)]
FalseKeeps = Annotated[float, Field(ge=LEAST_FALSE_KEEPS, le=MAX_FALSE_KEEPS)]
Size = Annotated[Annotated[int, Field(gt=0, le=MAX_MEMORY)] | None, BeforeValidator(size_in_bytes)]
Memory = Annotated[
    Annotated[int, Field(ge=MIN_MEMORY, le=MAX_MEMORY)] | None, BeforeValidator(size_in_bytes)
]


class Caps(Record):
    """The limits of one trial, in bytes; None where nothing is said."""

    memory: Memory = None
    vram: Size = None
    """Memory of its GPUs."""
    disk: Size = None
    """What it may write, the weights included."""
    output: Size = None
    """What it may print."""


class Settings(Caps):
    """What autoresearch.toml may say; every key is optional (docs/settings.md)."""

    train: str | None = None
    """The script that is edited; like the next two, a path inside the project."""
    prepare: str | None = None
    program: str | None = None
    score: ScoreKind | None = None
    command: Word | None = None
    """What is run in place of `python TRAIN`, as a shell would split it: `python fit.py --lr 1`."""
    metric: Word | None = None
    """Its name, as it is printed; val_bpb where it is left out."""
    direction: Direction | None = None
    """Which way is better; minimize where it is left out."""
    budget: BudgetText = None
    """Of a training that keeps to it: `5m` or `200steps`."""
    limit: LimitText = None
    """Of a training that ends by itself: `1.1x`, of the baseline's time, or `90s`."""
    scale: Scale | None = None
    """On which differences are alike; linear where it is left out."""
    pattern: Word | None = None
    """A regular expression that finds the metric in what a run prints."""
    also: tuple[Word, ...] = ()
    """Further metrics that are recorded and not judged."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=MAX_GUARDS)] = ()
    """Limits on further metrics that a keep must meet: `latency_ms <= 30`."""
    checks: Annotated[tuple[Word, ...], Field(max_length=MAX_CHECKS)] = ()
    """Commands that must succeed before an attempt is kept: `pytest -q tests`."""
    target: Real | None = None
    """The run ends when the lower bound of fresh-seed runs of the incumbent passes it."""
    noise: Noise | None = None
    """none: equal code gives equal results; measured where it is left out."""
    seed_argument: Annotated[Word, Field(pattern="^[!-~]+$")] | None = None
    """The option of the command that takes a seed: `--seed`, or `seed=`."""
    keep_seeds: Annotated[tuple[Word, ...], Field(max_length=MAX_PLACES)] = ()
    """Files, and functions as `file.py:function`, whose seeding calls are not shifted."""
    files: tuple[str, ...] = ()
    """Globs of the files that edits may touch, relative to the file's folder; train.py alone
    where it is left out."""
    protected: tuple[str, ...] = ()
    """Names in train.py that no edit may change."""
    read_only: tuple[str, ...] = ()
    """More paths that a training may read, relative to the file's folder or with a ~."""
    environment: tuple[str, ...] = ()
    """Names of the variables that a training gets from the user's environment."""
    python: Annotated[str, Field(min_length=1, max_length=MAX_PATH)] | None = None
    """The interpreter of the trainings: a path, or a program's name; else that of the project."""
    evaluate: Evaluator | None = None
    """The project's own evaluator; left out where the number is printed or sealed."""
    ranges: dict[str, str] = {}
    """By the name of a constant: `0.01 .. 1 log`."""
    plausible: Plausible = None
    """`0.5 .. 9`: a score outside is measured again under the full audit."""
    look: LookBounds = LookBounds()
    """How much a model may look at before each proposal."""

    @property
    def stated_ranges(self) -> dict[str, str]:
        """The ranges by name; what is protected, or given by the command, is not searched."""
        given = dict.fromkeys(names_given(self.command), "fixed")
        return {**given, **self.ranges, **dict.fromkeys(self.protected, "fixed")}

    @model_validator(mode="after")
    def _one_way_to_score(self) -> Self:
        if self.evaluate and self.score not in (None, "evaluated"):
            raise ValueError(f"score is {self.score}, and a table [evaluate] is there: drop one")
        if self.score == "evaluated" and self.evaluate is None:
            raise ValueError(
                'score is evaluated, which needs a table [evaluate] with its "command"'
            )
        return self

    @field_validator("command")
    @classmethod
    def _words(cls, command: str | None) -> str | None:
        if command is not None and not split_command(command):
            raise ValueError("it has no words")
        return command

    @field_validator("checks")
    @classmethod
    def _checks(cls, commands: tuple[str, ...]) -> tuple[str, ...]:
        for command in commands:
            if not is_plain(command) or not split_command(command):
                raise ValueError(f"{command[:60]!a} is no command in one line")
        return commands

    @field_validator("keep_seeds")
    @classmethod
    def _places(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            if not is_code_place(place):
                raise ValueError(f"{place[:60]!a}: write `data.py` or `data.py:make_data`")
        return places

    @model_validator(mode="after")
    def _something_is_shifted(self) -> Self:
        if self.keep_seeds and self.seed_argument:
            raise ValueError("with seed_argument no seeding call is shifted: drop keep_seeds")
        return self

    @field_validator("train", "prepare", "program")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        if path is None:
            return None
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or parts[0] == "/" or "\0" in path:
            raise ValueError(f"{path!r} is not the path of a file inside the project")
        return path

    @field_validator("files")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        if len(patterns) > MAX_PATTERNS:
            raise ValueError(f"more than {MAX_PATTERNS} globs")
        for pattern in patterns:
            fault = fault_of_pattern(pattern)
            if fault:
                raise ValueError(f"{pattern[:60]!r}: {fault}")
        return patterns

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            fault = fault_of_variable(name)
            if fault:
                raise ValueError(f"{name[:60]!r}: {fault}")
        return names

    @field_validator("read_only")
    @classmethod
    def _possible(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if not _is_path(path):
                raise ValueError(f"{path[:60]!r} is not a path")
        return paths


def _is_path(text: str) -> bool:
    if not text or "\0" in text or len(text) > MAX_PATH:
        return False
    return all(len(name) <= MAX_NAME for name in os.fsencode(text).split(b"/"))


class RunSettings(Record):
    """What a run was asked for; its first commit keeps it."""

    tag: Annotated[str, Field(max_length=MAX_TAG)]
    method: Word
    model: Word | None
    budget: Budget | None
    """What trainings keep to; None where they end by themselves, and the objective has a limit."""
    seed: Whole
    workers: Workers
    trials: Natural | None
    hours: Quantity | None
    max_cost: Quantity | None
    baseline_repeats: Repeats
    data_fingerprint: Word | None
    start_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    score: ScoreKind
    caps: Caps = Caps()
    """Those that were typed on the command line."""
    verdict: VerdictRule = "sequential"
    false_keeps: FalseKeeps = LEAST_FALSE_KEEPS
    warm: Word | None = None
    """The name of the file, or of the run, whose prior trials the run began with."""
    parent: Parent | None = None
    """The state of another run that this one began at."""
    prune: PruneRule = "off"
    """Which trainings are pruned."""
    plausible: Plausible = None
    """Scores outside are measured again."""
    objective: Objective | None = None
    """What is measured, and which way is better; None for val_bpb, lower is better."""
    train: Word | None = None
    """The script that trials run; like the next one, None in a run of an older version."""
    interpreter: Python | None = None
    """What trainings run on."""
    look: bool = Field(default=True, exclude_if=lambda look: look)
    """Whether a model may look at files, trials and logs before it proposes."""
    writers: WriterCount = 1
    """How many drafts a model writes at once; `auto` for as many as keep the slots busy."""
    fill: Word = NO_FILL
    """The search method that proposes for slots that would wait for the model, or `none`."""
    effort: Effort | None = None
    """How hard the model is asked to think; None to leave that to it."""
    machines: Annotated[tuple[Machine, ...], Field(max_length=MAX_WORKERS)] = ()
    """Those that measure for the run, as far as they are known at the start."""

    @property
    def goal(self) -> Objective:
        """What is measured, and which way is better."""
        return self.objective or VAL_BPB

    @property
    def allowance(self) -> str:
        """What bounds the time of a training: `300s`, or `limit 1.1x`."""
        return allowance_text(self.budget, self.goal.time_limit)

    @property
    def sense(self) -> Sense:
        """Which way the metric is better, and its scale."""
        return self.goal.sense

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.budget is None and self.goal.limit is None:
            raise ValueError("neither a budget nor a limit")
        return self

    @field_validator("tag")
    @classmethod
    def _name_of_a_branch(cls, tag: str) -> str:
        if not is_tag(tag):
            raise ValueError(f"{tag!r} is no tag: the branch of a run cannot have this name")
        return tag


def problem_of(error: ValidationError) -> tuple[str, str]:
    """Return the dotted name that the first problem of `error` is about, and the problem."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        choices = _QUOTED.findall(first["ctx"]["expected"])
        return where, unknown("value", first["input"], choices)
    plain = as_it_is_written(first["type"], first["input"])
    if plain:
        return where, plain
    problem = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return where, problem


def read_settings(folder: Path) -> Settings:
    """Return the settings of `folder`/autoresearch.toml, or the defaults where there is none.

    Raise UsageFault for a file that cannot be read, an unknown key or a value that makes no sense.
    """
    text = settings_text(folder)
    return Settings() if text is None else settings_in(text, folder)


def settings_text(folder: Path) -> str | None:
    """Return the text of `folder`/autoresearch.toml, or None without one.

    Raise UsageFault for a file that cannot be read.
    """
    path = folder / FILE
    try:
        return plain_text(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageFault(f"{path}: {error}", f"$EDITOR {quote(str(path))}") from None


def settings_in(text: str, folder: Path, title: str = "") -> Settings:
    """Return the settings of a text of autoresearch.toml; raise UsageFault as `read_settings`.

    folder: the one that its paths are relative to. title: what messages call it.
    """
    path = title or str(folder / FILE)
    edit = f"$EDITOR {title or quote(path)}"
    try:
        data = load_toml(text)
    except (ValueError, RecursionError) as error:
        raise UsageFault(f"{path}: {error}", edit) from None
    if TELLS in data:
        raise UsageFault(f"{path}: {TELLS}: {NO_TARGETS}", "autoresearch notify")
    for key in data:
        if key not in Settings.model_fields:
            raise UsageFault(f"{path}: {unknown('setting', key, Settings.model_fields)}", edit)
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        where, problem = problem_of(error)
        line = line_of(error, text)
        raise UsageFault(f"{path}{line}: {where}: {problem}", edit) from None
    # Symbolic links stay as written: a training follows them to its data.
    readable = tuple(os.path.abspath(folder / _expanded(name, path)) for name in settings.read_only)  # noqa: PTH100
    return settings.model_copy(update={"read_only": readable})


def _expanded(name: str, file: str) -> Path:
    """Return `name` with its ~ or ~user replaced; raise UsageFault where no such user exists."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageFault(
            f"{file}: read_only: {name!r}: this machine has no such user", f"$EDITOR {quote(file)}"
        ) from None
