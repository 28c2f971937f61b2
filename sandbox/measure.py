"""One measurement: train in one sandbox, score, and say what came of it; a failure is a result with a name, never a number."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from sandbox.printed import Point, Value, read_curve, read_summary
from sandbox.record import Record
from sandbox.sealed import BFLOAT16_TOLERANCE, FLOAT32_TOLERANCE, Ended, Invalid, Validation, score
from sandbox.text import last_words, one_line, tail
from sandbox.weights import FOLDER, NAME, BadWeights, NoWeights, Weights, take_weights

SCORER = str(Path(__file__).with_name("scorer.py"))
# Scoring is a small part of a trial; a model that takes longer than training may is not being scored but doing something else.
MIN_SCORE_SECONDS = 120.0
# Bits per byte that a summary may claim: 8 is knowing nothing, 0.0 and 100.0 are what scripts print for a failure.
ABSURD_BPB = 100.0

Facts = dict[str, Value]
Status = Literal["crash", "oom", "timeout", "invalid"]


class Job(Record):
    """What to measure. folder: the exported workspace, with `train` in it. scratch: empty, writable. log: outside of both.

    data: the prepared data's root (sealed scores). read_only: what else the training may read. score: sealed computes bits per
    byte from the saved weights; printed believes the summary's val_bpb. python: the interpreter that trains and scores.
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
    python: str = sys.executable


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
    status: Status
    detail: str
    tail: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}


class Stopped(Record):
    """The harness was told to stop; nothing is known about the candidate but what its training took until then."""

    kind: Literal["stopped"] = "stopped"
    seconds: float = 0.0
    peak_memory_bytes: int | None = None


def measure(
    job: Job, runner: Runner, cancel: threading.Event, on_scoring: Callable[[], None] = lambda: None
) -> Measured | Unscored | Stopped:
    """Train, then score. Raises SandboxFault only."""
    (Path(job.scratch) / FOLDER).mkdir(parents=True, exist_ok=True)
    outcome = runner.run(_training(job), cancel)
    if isinstance(outcome, Cancelled):
        return Stopped(seconds=outcome.usage.seconds, peak_memory_bytes=outcome.usage.peak_memory_bytes)
    if not isinstance(outcome, Finished):
        return _unscored(job, outcome, *_failure(outcome, job.log))
    if job.score == "printed":
        return _printed(job, outcome)
    on_scoring()
    return _sealed(job, runner, cancel, outcome)


def _training(job: Job) -> RunSpec:
    train = Path(job.folder) / job.train
    environment = {
        "AUTORESEARCH_OUT": f"{job.scratch}/{FOLDER}",
        "AUTORESEARCH_BUDGET": str(job.budget),
        "AUTORESEARCH_SEED": str(job.seed),
    }
    read_only = job.read_only
    if job.data:
        environment["AUTORESEARCH_DATA"] = f"{job.data}/train"
        read_only = (*read_only, f"{job.data}/train")
    if job.read_only:
        home = _home(job)
        environment |= {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"}
    return RunSpec(
        argv=(job.python, train.name), folder=str(train.parent), scratch=job.scratch, log=job.log, limits=job.limits,
        read_only=read_only, environment=environment, cpus=job.cpus, gpus=job.gpus,
    )  # fmt: skip


def _home(job: Job) -> str:
    """A home in scratch in which `~/.cache/…` leads to what the user allowed to be read there."""
    home, real = Path(job.scratch) / "home", Path.home()
    home.mkdir()
    allowed = sorted({Path(os.path.abspath(path)) for path in job.read_only})  # noqa: PTH100 -- links in it stay as they are
    for path in allowed:
        inside = path.is_relative_to(real) and path != real
        if inside and not any(other in path.parents for other in allowed):  # else it is seen through that other's link
            link = home / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return str(home)


# ---------------------------------------------------------------- failures


def _failure(outcome: Outcome, log: str, what: str = "training") -> tuple[Status, str]:
    match outcome:
        case OutOfMemory():
            return "oom", f"out of memory in {what}: {outcome.evidence}"
        case TimedOut():
            return "timeout", f"{what} was killed after {outcome.usage.seconds:.0f} s"
        case LimitExceeded():
            return "crash", f"{what} was killed at its {outcome.limit} limit"
        case Crashed(signal=int(signal)):
            return "crash", f"died of signal {signal}: {last_words(Path(log))}"
        case _:
            return "crash", last_words(Path(log)) or "exited with an error and no word"


def _unscored(job: Job, outcome: Outcome, status: Status, detail: str, log: str | None = None) -> Unscored:
    """`log`: where the failure is told, if not in the training's own."""
    usage = outcome.usage
    return Unscored(
        status=status, detail=one_line(detail), tail=tail(Path(log or job.log)) or tail(Path(job.log)), seconds=usage.seconds,
        peak_memory_bytes=usage.peak_memory_bytes, curve=read_curve(Path(job.log)), facts=_facts(job.log),
    )  # fmt: skip


def _facts(log: str) -> Facts:
    return {name: value for name, value in read_summary(Path(log)).items() if name != "val_bpb"}


# ---------------------------------------------------------------- scores


def _printed(job: Job, outcome: Finished) -> Measured | Unscored:
    value = read_summary(Path(job.log)).get("val_bpb")
    if isinstance(value, bool | str) or value is None:
        return _unscored(job, outcome, "crash", "it ended without a finite val_bpb in a summary behind ---")
    if not 0 < value < ABSURD_BPB:
        return _unscored(job, outcome, "invalid", f"it printed val_bpb {value}, which no model scores")
    return _measured(job, outcome, float(value), "self-reported")


def _sealed(job: Job, runner: Runner, cancel: threading.Event, trained: Finished) -> Measured | Unscored | Stopped:
    with _room(job) as room:
        try:
            weights = take_weights(Path(job.scratch), room / NAME, job.limits.disk_bytes)
        except NoWeights:
            return _unscored(job, trained, "crash", f"it exited with 0 but saved no {FOLDER}/{NAME}")
        except BadWeights as reason:
            return _unscored(job, trained, "invalid", str(reason))
        began = time.monotonic()
        answer, scored = _converse(job, room, weights, runner, cancel)
    if isinstance(scored, Cancelled):
        return Stopped()
    if isinstance(answer, float):
        return _measured(job, trained, answer, "sealed", time.monotonic() - began, weights.parameters)
    if isinstance(scored, OutOfMemory | TimedOut | LimitExceeded):
        return _unscored(job, trained, *_failure(scored, _scoring_log(job), "scoring"), _scoring_log(job))
    words = last_words(Path(_scoring_log(job))) if isinstance(answer, Ended) else ""
    return _unscored(job, trained, "invalid", f"{answer}: {words}" if words else str(answer), _scoring_log(job))


@contextmanager
def _room(job: Job) -> Iterator[Path]:
    """A folder beside scratch, where the training cannot have put anything; gone afterwards."""
    room = Path(f"{job.scratch}.scoring")
    shutil.rmtree(room, ignore_errors=True)
    (room / "scratch").mkdir(parents=True)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _converse(job: Job, room: Path, weights: Weights, runner: Runner, cancel: threading.Event) -> tuple[float | Invalid, Outcome]:
    """The score or why there is none, and how the scorer ended."""
    assert job.data is not None, "a sealed score needs data"
    validation = Validation.read(Path(f"{job.data}/val"))
    tolerance = BFLOAT16_TOLERANCE if job.gpus else FLOAT32_TOLERANCE
    answers: list[float | Invalid] = []

    def dialogue(stdin: BinaryIO, stdout: BinaryIO) -> None:
        try:
            answers.append(score(validation, stdin, stdout, int.from_bytes(os.urandom(8)), tolerance))
        except Invalid as reason:
            answers.append(reason)

    outcome = runner.converse(_scoring(job, room, weights, validation.vocabulary), cancel, dialogue)
    return answers[0], outcome


def _scoring(job: Job, room: Path, weights: Weights, vocabulary: int) -> RunSpec:
    train = Path(job.folder) / job.train
    seconds = max(MIN_SCORE_SECONDS, job.limits.wall_seconds)
    return RunSpec(
        argv=(job.python, "-I", SCORER, str(train), weights.path, str(vocabulary)), folder=str(train.parent),
        scratch=str(room / "scratch"), log=_scoring_log(job), limits=job.limits.model_copy(update={"wall_seconds": seconds}),
        read_only=(SCORER, weights.path), cpus=job.cpus, gpus=job.gpus,
    )  # fmt: skip


def _scoring_log(job: Job) -> str:
    return str(Path(job.log).with_suffix(".scoring.log"))


def _measured(
    job: Job, outcome: Finished, value: float, kind: Literal["sealed", "self-reported"],
    seconds: float = 0.0, parameters: int | None = None,
) -> Measured:  # fmt: skip
    usage = outcome.usage
    return Measured(
        value=value, score=kind, seconds=usage.seconds, score_seconds=seconds, peak_memory_bytes=usage.peak_memory_bytes,
        parameters=parameters, curve=read_curve(Path(job.log)), facts=_facts(job.log),
    )  # fmt: skip
