"""One measurement: train in one sandbox, score, and say what came of it; a failure is a result with a name, never a number."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import FiniteFloat

from sandbox.budget import Budget
from sandbox.outcome import (
    Cancelled,
    Crashed,
    Finished,
    LimitExceeded,
    Limits,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.printed import Point, read_curve, read_summary
from sandbox.record import Record
from sandbox.sealed import Invalid, Validation, score
from sandbox.text import last_words, tail
from sandbox.weights import BadWeights, NoWeights, Weights, take_weights

SCORER = str(Path(__file__).with_name("scorer.py"))
# Scoring is a small part of a trial; a model that takes longer than training may is not being scored but doing something else.
MIN_SCORE_SECONDS = 120.0

Facts = dict[str, bool | int | float | str]


class Job(Record):
    """What to measure. folder: the exported workspace, with `train` in it. scratch: empty, writable. log: outside of both.

    data: the prepared data's root (sealed scores). read_only: what else the training may read. score: sealed computes bits per
    byte from the saved weights; printed believes the summary's val_bpb.
    """

    folder: str
    train: str = "train.py"
    scratch: str
    log: str
    data: str | None
    read_only: tuple[str, ...] = ()
    budget: Budget
    seed: int
    limits: Limits
    score: Literal["sealed", "printed"]
    cpus: tuple[int, ...] = ()
    gpus: tuple[int, ...] = ()


class Measured(Record):
    """A score in bits per byte, with what it took. seconds: the training's, on the harness's clock."""

    kind: Literal["measured"] = "measured"
    value: FiniteFloat
    score: Literal["sealed", "self-reported"]
    seconds: float
    score_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}


class Unscored(Record):
    """No score, and why: detail in one line, tail from the log, escaped."""

    kind: Literal["unscored"] = "unscored"
    status: Literal["crash", "oom", "timeout", "invalid"]
    detail: str
    tail: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}


class Stopped(Record):
    """The harness was told to stop; nothing is known about the candidate."""

    kind: Literal["stopped"] = "stopped"


def measure(
    job: Job, runner: Runner, cancel: threading.Event, on_scoring: Callable[[], None] = lambda: None
) -> Measured | Unscored | Stopped:
    """Train, then score. Raises SandboxFault only."""
    (Path(job.scratch) / "out").mkdir(parents=True, exist_ok=True)
    outcome = runner.run(_training(job), cancel)
    if isinstance(outcome, Cancelled):
        return Stopped()
    if not isinstance(outcome, Finished):
        return _unscored(job, outcome, *_failure(outcome, Path(job.log)))
    if job.score == "printed":
        return _printed(job, outcome)
    on_scoring()
    return _sealed(job, runner, cancel, outcome)


def _training(job: Job) -> RunSpec:
    train = Path(job.folder) / job.train
    environment = {
        "AUTORESEARCH_OUT": f"{job.scratch}/out",
        "AUTORESEARCH_BUDGET": str(job.budget),
        "AUTORESEARCH_SEED": str(job.seed),
    }
    read_only = job.read_only
    if job.data:
        environment["AUTORESEARCH_DATA"] = f"{job.data}/train"
        read_only = (*read_only, f"{job.data}/train")
    if job.read_only:
        environment["HOME"] = _home(job)
    return RunSpec(
        argv=(sys.executable, train.name), folder=str(train.parent), scratch=job.scratch, log=job.log, limits=job.limits,
        read_only=read_only, environment=environment, cpus=job.cpus, gpus=job.gpus,
    )  # fmt: skip


def _home(job: Job) -> str:
    """A home in scratch in which `~/…` leads to what the user allowed to be read there."""
    home, real = Path(job.scratch) / "home", Path.home()
    for path in map(Path, job.read_only):
        if path.is_relative_to(real):
            link = home / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    home.mkdir(exist_ok=True)
    return str(home)


# ---------------------------------------------------------------- failures


def _failure(outcome: Outcome, log: Path) -> tuple[Literal["crash", "oom", "timeout"], str]:
    match outcome:
        case OutOfMemory():
            return "oom", f"out of memory: {outcome.evidence}"
        case TimedOut():
            return "timeout", f"killed after {outcome.usage.seconds:.0f} s"
        case LimitExceeded():
            return "crash", f"killed at its {outcome.limit} limit"
        case Crashed(signal=int(signal)):
            return "crash", f"died of signal {signal}: {last_words(log)}"
        case _:
            return "crash", last_words(log) or "exited with an error and no word"


def _unscored(job: Job, outcome: Outcome, status: Literal["crash", "oom", "timeout", "invalid"], detail: str) -> Unscored:
    log, usage = Path(job.log), outcome.usage
    return Unscored(
        status=status, detail=detail, tail=tail(log), seconds=usage.seconds, peak_memory_bytes=usage.peak_memory_bytes,
        curve=read_curve(log), facts=_facts(log),
    )  # fmt: skip


def _facts(log: Path) -> Facts:
    return {name: value for name, value in read_summary(log).items() if name != "val_bpb"}


# ---------------------------------------------------------------- scores


def _printed(job: Job, outcome: Finished) -> Measured | Unscored:
    value = read_summary(Path(job.log)).get("val_bpb")
    if isinstance(value, bool | str) or value is None:
        return _unscored(job, outcome, "crash", "it ended without a finite val_bpb in a summary behind ---")
    return _measured(job, outcome, float(value), "self-reported")


def _sealed(job: Job, runner: Runner, cancel: threading.Event, outcome: Finished) -> Measured | Unscored | Stopped:
    assert job.data is not None, "a sealed score needs data"
    target = Path(job.log).with_suffix(".safetensors")
    try:
        weights = take_weights(Path(job.scratch) / "out" / "model.safetensors", target)
        began = time.monotonic()
        scored = _converse(job, weights, runner, cancel)
    except NoWeights:
        return _unscored(job, outcome, "crash", "it ended without saving out/model.safetensors")
    except (BadWeights, Invalid) as reason:
        return _unscored(job, outcome, "invalid", str(reason))
    finally:
        target.unlink(missing_ok=True)
    if scored is None:
        return Stopped()
    return _measured(job, outcome, scored, "sealed", time.monotonic() - began, weights.parameters)


def _converse(job: Job, weights: Weights, runner: Runner, cancel: threading.Event) -> float | None:
    """The score, or None when cancelled. Invalid where the scorer fails, with its last words."""
    validation = Validation.read(Path(f"{job.data}/val"))
    values: list[float] = []
    failures: list[Invalid] = []

    def dialogue(stdin: BinaryIO, stdout: BinaryIO) -> None:
        try:
            values.append(score(validation, stdin, stdout, int.from_bytes(os.urandom(8))))
        except Invalid as reason:
            failures.append(reason)

    outcome = runner.converse(_scoring(job, weights, validation.vocabulary), cancel, dialogue)
    if isinstance(outcome, Cancelled):
        return None
    if isinstance(outcome, TimedOut):
        raise Invalid(f"scoring took more than {outcome.usage.seconds:.0f} s")
    if failures:
        words = last_words(Path(_scoring_log(job)))
        raise Invalid(f"{failures[0]}: {words}" if words and "ended" in str(failures[0]) else str(failures[0]))
    return values[0]


def _scoring(job: Job, weights: Weights, vocabulary: int) -> RunSpec:
    train = Path(job.folder) / job.train
    scratch = Path(job.scratch) / "scoring"
    scratch.mkdir()
    seconds = max(MIN_SCORE_SECONDS, job.limits.wall_seconds)
    return RunSpec(
        argv=(sys.executable, "-I", SCORER, str(train), weights.path, str(vocabulary)), folder=str(train.parent),
        scratch=str(scratch), log=_scoring_log(job), limits=job.limits.model_copy(update={"wall_seconds": seconds}),
        read_only=(SCORER, weights.path), cpus=job.cpus, gpus=job.gpus,
    )  # fmt: skip


def _scoring_log(job: Job) -> str:
    return str(Path(job.log).with_suffix(".scoring.log"))


def _measured(
    job: Job, outcome: Finished, value: float, kind: Literal["sealed", "self-reported"],
    seconds: float = 0.0, parameters: int | None = None,
) -> Measured:  # fmt: skip
    log, usage = Path(job.log), outcome.usage
    return Measured(
        value=value, score=kind, seconds=usage.seconds, score_seconds=seconds, peak_memory_bytes=usage.peak_memory_bytes,
        parameters=parameters, curve=read_curve(log), facts=_facts(log),
    )  # fmt: skip
