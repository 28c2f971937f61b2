"""The objective of a run: what is measured, which way is better, and what an edit may touch."""

from math import exp, expm1, log, log1p
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from agent.records.bounded import MAX_ITEMS, Real
from agent.records.evaluator import Evaluator
from agent.records.guards import MAX_GUARDS, Guard
from sandbox.ground.budget import Limit
from sandbox.ground.record import Record

MAX_WORD = 4096
MAX_EXPONENT = 700.0
"""exp of more is no float."""
LEAST_FIXED = 1e-3
MOST_FIXED = 1e4
"""Scores between these are written with six decimals, others with six digits."""
CHANGE_DECIMALS = 6
LEAST_PERCENT = 1e-4
MOST_PERCENT = 100.0
"""Shares between these are written in percent with two decimals, others with three digits."""

Word = Annotated[str, Field(max_length=MAX_WORD)]
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_ITEMS)]


Direction = Literal["minimize", "maximize"]
Scale = Literal["linear", "log", "logit"]
Noise = Literal["measured", "none"]


class Sense(Record):
    """Which way a metric is better, and on which scale its differences are alike."""

    direction: Direction = "minimize"
    scale: Scale = "linear"

    def loss(self, value: float) -> float:
        """Return what is minimized: the only place where a value becomes a loss.

        Differences of losses are what the judge and every method compute with; negative is better.
        Raise ValueError for a value that the scale does not have.
        """
        on_scale = _on_scale(value, self.scale)
        return on_scale if self.direction == "minimize" else -on_scale

    def value(self, loss: float) -> float:
        """Return the value with this loss."""
        on_scale = loss if self.direction == "minimize" else -loss
        match self.scale:
            case "log":
                return exp(min(on_scale, MAX_EXPONENT))
            case "logit":
                return 1 / (1 + exp(min(-on_scale, MAX_EXPONENT)))
        return on_scale

    def has(self, value: float) -> bool:
        """Return whether the scale has this value."""
        if self.scale == "log":
            return value > 0
        return self.scale == "linear" or 0 < value < 1

    def change(self, delta: float) -> float:
        """Return a difference of losses as that of values (or of their logarithms or logits).

        Of 0 it is 0 in both directions, and never -0.
        """
        return delta if self.direction == "minimize" else 0.0 - delta

    def delta_of(self, change: float) -> float | None:
        """Return a change of the metric, as `change_text` writes it, as a difference of losses.

        On the scale log it is in percent, on logit in logits. None for what no change can be.
        """
        if self.scale == "log":
            if change <= -100.0:
                return None
            change = log1p(change / 100.0)
        return change if self.direction == "minimize" else -change

    def change_text(self, delta: float, decimals: int = CHANGE_DECIMALS) -> str:
        """Return a difference of losses as a reader of the metric expects it.

        Its sign is that of the change: a gain of an accuracy is positive. On the scale log it is a
        share in percent. What so many decimals would not show has three digits.
        """
        change = self.change(delta)
        match self.scale:
            case "log":
                return _percent(expm1(min(change, MAX_EXPONENT)))
            case "logit":
                return f"{_signed(change, decimals)} logit"
        return _signed(change, decimals)

    def interval_text(self, interval: tuple[float, float]) -> str:
        """Return `from -0.014 to -0.010`, the ends of an interval of losses as changes."""
        low, high = sorted(map(self.change, interval))
        ends = [self.change_text(self.change(end)) for end in (low, high)]
        return f"from {ends[0]} to {ends[1]}"

    def is_better(self, value: float, other: float) -> bool:
        """Return whether a value is better than another one."""
        return value < other if self.direction == "minimize" else value > other


def _on_scale(value: float, scale: Scale) -> float:
    match scale:
        case "log":
            return log(value)
        case "logit":
            return log(value / (1 - value))
    return value


def amount_text(size: float) -> str:
    """Return a difference of values as one is written, with a sign only below zero."""
    return _signed(size, CHANGE_DECIMALS).removeprefix("+")


def _signed(change: float, decimals: int) -> str:
    is_shown = round(abs(change), decimals) >= 10.0 ** (1 - decimals)
    if change == 0 or (is_shown and abs(change) < MOST_FIXED):
        return f"{change:+.{decimals}f}"
    return f"{change:+.3g}"


def _percent(share: float) -> str:
    if share == 0 or LEAST_PERCENT <= abs(share) < MOST_PERCENT:
        return f"{share:+.2%}"
    return f"{100 * share:+.3g}%"


def score_text(value: float) -> str:
    """Return a value of a metric, with the digits that tell it from its neighbours."""
    few_digits = LEAST_FIXED <= abs(value) < MOST_FIXED or value == 0
    return f"{value:.6f}" if few_digits else f"{value:.6g}"


LOWER = Sense()
"""Lower is better, and equal differences are alike."""


class Objective(Record):
    """What a run optimizes, fixed in its first commit. Unknown keys are refused."""

    version: Literal[1, 2] = 1
    """Of this record; a key that an older version would misunderstand raises it: 2 for guards,
    checks and a target, which were recorded and not heeded before."""
    metric: Word
    direction: Direction = "minimize"
    pattern: Word | None = None
    """A regular expression that finds the metric in what a run prints."""
    target: Real | None = None
    """The run stops when the lower bound of fresh-seed runs passes it."""
    command: Word | None = None
    python: Word | None = None
    limit: Word | None = None
    """How long a training may take that ends by itself, such as `1.1x`; see time_limit."""
    files: Words = ()
    """Globs of the files that an edit may touch."""
    folder: Word | None = None
    """The folder of the repository that a trial gets a copy of, `.` for all of it.

    None for the one around train.py and everything that `files` can fit.
    """
    guards: Annotated[tuple[Guard, ...], Field(max_length=MAX_GUARDS)] = ()
    """Conditions that a keep must meet, such as `latency_ms <= 30`."""
    checks: Words = ()
    """Commands that must succeed before an attempt is kept; else it is `guarded`."""
    also: Words = ()
    """Metrics that are recorded and not judged."""
    noise: Noise = "measured"
    """none: equal code gives equal results, by the owner's word."""
    seed_argument: Word | None = None
    """The option of the command that takes a seed; None to shift the project's seeding calls."""
    keep_seeds: Words = Field(default=(), exclude_if=lambda places: not places)
    """Files, and functions as `file.py:function`, whose seeding calls are not shifted."""
    scale: Scale = "linear"
    """The scale on which differences are alike."""
    read_only: Words = ()
    environment: Words = ()
    """Names of the environment variables that a run receives."""
    evaluate: Evaluator | None = None
    """None if the run prints the number itself."""
    ranges: Annotated[dict[Word, Word], Field(max_length=MAX_ITEMS)] = {}

    @field_validator("limit")
    @classmethod
    def _is_limit(cls, limit: str | None) -> str | None:
        return None if limit is None else str(Limit.parse(limit))

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str | None) -> str | None:
        parts = PurePosixPath(folder or ".").parts
        if ".." in parts or parts[:1] == ("/",) or "\0" in (folder or ""):
            raise ValueError(f"{folder!r} is not a folder inside the repository")
        return folder

    @model_validator(mode="after")
    def _guards_something_else(self) -> Self:
        for guard in self.guards:
            if guard.metric == self.metric:
                raise ValueError(
                    f"guards: {guard}: {self.metric} is the metric itself, which is judged anyway; "
                    "guard another one"
                )
            if self.guards.count(guard) > 1:
                raise ValueError(f"guards: {guard} stands there twice")
        return self

    @property
    def guarded_metrics(self) -> tuple[str, ...]:
        """The metrics that guards limit, each once."""
        return tuple(dict.fromkeys(guard.metric for guard in self.guards))

    @property
    def further(self) -> tuple[str, ...]:
        """Every metric that is recorded beside the main one, each once."""
        names = dict.fromkeys((*self.guarded_metrics, *self.also))
        names.pop(self.metric, None)
        return tuple(names)

    @property
    def time_limit(self) -> Limit | None:
        """How long a training may take that ends by itself; None in a run that has only a budget.

        Beside a budget it holds where the baseline leaves most of that unused.
        """
        return Limit.parse(self.limit) if self.limit else None

    @property
    def better(self) -> str:
        """`lower is better` or `higher is better`."""
        return "lower is better" if self.direction == "minimize" else "higher is better"

    @property
    def sense(self) -> Sense:
        """Which way the metric is better, and its scale."""
        return Sense(direction=self.direction, scale=self.scale)


VAL_BPB = Objective(metric="val_bpb")
"""The objective of the bundled workspace: bits per byte of held-out text."""


class Python(Record):
    """The interpreter of a run's trainings."""

    path: Word
    """Relative to the repository's top folder where it lies inside."""
    version: Word = ""
    """Such as `3.12.1`; empty where no file said it."""
    origin: Word = ""
    """How it was found: `settings`, `project`, `active` or `harness`."""


class Machine(Record):
    """A machine that measures for a run."""

    name: Word
    device: Word = ""
    """Model of the device that computes, such as a GPU's; empty if unknown."""
