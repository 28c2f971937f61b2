"""One measurement: train in one sandbox, score, and say what came of it; a failure is a result with a name, never a number."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import FiniteFloat

from sandbox.ground.budget import Budget
from sandbox.ground.deadline import LATE_SECONDS, Deadline
from sandbox.ground.devices import Device
from sandbox.ground.outcome import (
    Audit,
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
from sandbox.ground.record import Record
from sandbox.ground.text import last_words, one_line, tail
from sandbox.score.opened import FirstOpen
from sandbox.score.printed import Point, Value, read_curve, read_summary
from sandbox.score.scoring import WORKSPACE, Candidate, Unscorable, score_weights, scoring_room
from sandbox.score.sealed import Validation
from sandbox.score.weights import FOLDER, NAME, BadWeights, NoWeights, take_weights

# Bits per byte that a summary may claim: 8 is knowing nothing, 0.0 and 100.0 are what scripts print for a failure.
ABSURD_BPB = 100.0

Facts = dict[str, Value]
Status = Literal["crash", "oom", "timeout", "invalid"]


class Job(Record):
    """What to measure. folder: the exported workspace, with `train` in it. scratch: empty, writable. log: outside of both.

    data: the prepared data's root (sealed scores). read_only: what else the training may read. score: sealed computes bits per
    byte from the saved weights; printed believes the summary's val_bpb. audit: how much of a sealed score is audited. python:
    the interpreter that trains and scores. hidden: as in RunSpec, for the training and the scoring. deadline: what the training's
    time is judged by; None where it is not. own_data: the training data in a folder that only this training opens, which tells
    when it did; None where there is none.
    """

    folder: str
    train: str = "train.py"
    scratch: str
    log: str
    data: str | None
    read_only: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    budget: Budget
    seed: int
    limits: Limits
    score: Literal["sealed", "printed"]
    audit: Audit = "usual"
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()
    python: str = sys.executable
    deadline: Deadline | None = None
    own_data: str | None = None


class Measured(Record):
    """A score in bits per byte, with what it took. seconds: the training's, on the harness's clock.

    startup: seconds until it first opened its tokens (0 if never), None where nobody watched. cut: it was ended at its
    deadline, and the weights that lay there were scored.
    """

    kind: Literal["measured"] = "measured"
    value: FiniteFloat
    score: Literal["sealed", "self-reported"]
    seconds: float
    startup: float | None = None
    cut: bool = False
    score_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}


class Unscored(Record):
    """No score, and why: detail in one line, tail from the log, escaped. overshot: it trained longer than its budget allows."""

    kind: Literal["unscored"] = "unscored"
    status: Status
    detail: str
    tail: str = ""
    overshot: bool = False
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
    if job.score == "printed":
        return _run(job, None, runner, cancel, on_scoring)
    with scoring_room(Path(job.folder), Path(job.scratch)) as room:
        return _run(job, room, runner, cancel, on_scoring)


def _run(
    job: Job,
    room: Path | None,
    runner: Runner,
    cancel: threading.Event,
    on_scoring: Callable[[], None],
) -> Measured | Unscored | Stopped:
    """Train and score. room: where to score, which the training cannot have touched; None for a printed score."""
    with FirstOpen(Path(job.own_data) / "tokens.bin" if job.own_data else None) as opened:
        outcome = runner.run(_training(job), cancel)
    if isinstance(outcome, Cancelled):
        return Stopped(
            seconds=outcome.usage.seconds, peak_memory_bytes=outcome.usage.peak_memory_bytes
        )
    cut = _was_cut(job, outcome)
    overshot = "" if cut else _overshot(job, outcome, opened.seconds)
    if overshot:
        return _unscored(job, outcome, "invalid", overshot).model_copy(update={"overshot": True})
    if not (isinstance(outcome, Finished) or cut):
        return _unscored(job, outcome, *_failure(outcome, job.log))
    result = _scored(job, room, runner, cancel, outcome, on_scoring)
    return (
        result.model_copy(update={"startup": opened.seconds, "cut": cut})
        if isinstance(result, Measured)
        else result
    )


def _scored(
    job: Job,
    room: Path | None,
    runner: Runner,
    cancel: threading.Event,
    trained: Outcome,
    on_scoring: Callable[[], None],
) -> Measured | Unscored | Stopped:
    if room is None:
        return _printed(job, trained)
    on_scoring()
    return _sealed(job, room, runner, cancel, trained)


def _was_cut(job: Job, outcome: Outcome) -> bool:
    """Whether a training under a budget in seconds was ended in time at its deadline, and weights lie there to be scored."""
    if not (
        isinstance(outcome, TimedOut)
        and job.deadline
        and job.deadline.budget.unit == "s"
        and job.score == "sealed"
    ):
        return False
    in_time = outcome.usage.seconds <= job.deadline.seconds + LATE_SECONDS
    return in_time and os.path.lexists(f"{job.scratch}/{FOLDER}/{NAME}")


def _overshot(job: Job, outcome: Outcome, opened: float | None) -> str:
    """Why the training did not keep to its budget; empty where it did, or ended for another reason."""
    if job.deadline is None or not isinstance(outcome, Finished | TimedOut):
        return ""
    return job.deadline.broken(outcome.usage.seconds, opened, killed=isinstance(outcome, TimedOut))


def _training(job: Job) -> RunSpec:
    train = Path(job.folder) / job.train
    environment = {
        "AUTORESEARCH_OUT": f"{job.scratch}/{FOLDER}",
        "AUTORESEARCH_BUDGET": str(job.budget),
        "AUTORESEARCH_SEED": str(job.seed),
    }
    if job.deadline and job.deadline.budget.unit == "s":
        environment["AUTORESEARCH_DEADLINE"] = f"{time.time() + job.deadline.seconds:.3f}"
    read_only = job.read_only
    if job.data:
        data = job.own_data or f"{job.data}/train"
        environment["AUTORESEARCH_DATA"] = data
        read_only = (*read_only, data)
    if job.read_only:
        home = _home(job)
        environment |= {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"}
    return RunSpec(
        argv=(job.python, train.name),
        folder=str(train.parent),
        scratch=job.scratch,
        log=job.log,
        limits=job.limits,
        read_only=read_only,
        environment=environment,
        cpus=job.cpus,
        gpus=job.gpus,
        hidden=job.hidden,
    )


def _home(job: Job) -> str:
    """A home in scratch in which `~/.cache/…` leads to what the user allowed to be read there."""
    home, real = Path(job.scratch) / "home", Path.home()
    home.mkdir()
    allowed = sorted({Path(os.path.abspath(path)) for path in job.read_only})  # noqa: PTH100 -- links in it stay as they are
    for path in allowed:
        inside = path.is_relative_to(real) and path != real
        if inside and not any(
            other in path.parents for other in allowed
        ):  # else it is seen through that other's link
            link = home / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return str(home)


# ---------------------------------------------------------------- failures


def _failure(outcome: Outcome, log: str) -> tuple[Status, str]:
    match outcome:
        case OutOfMemory():
            return "oom", f"out of memory in training: {outcome.evidence}"
        case TimedOut():
            return "timeout", f"training was killed after {outcome.usage.seconds:.0f} s"
        case LimitExceeded():
            return "crash", f"training was killed at its {outcome.limit} limit"
        case Crashed(signal=int(signal)):
            return "crash", f"died of signal {signal}: {last_words(Path(log))}"
        case _:
            return "crash", last_words(Path(log)) or "exited with an error and no word"


def _unscored(job: Job, outcome: Outcome, status: Status, detail: str) -> Unscored:
    usage = outcome.usage
    return Unscored(
        status=status,
        detail=one_line(detail),
        tail=tail(Path(job.log)),
        seconds=usage.seconds,
        peak_memory_bytes=usage.peak_memory_bytes,
        curve=read_curve(Path(job.log)),
        facts=_facts(job.log),
    )


def _facts(log: str) -> Facts:
    return {name: value for name, value in read_summary(Path(log)).items() if name != "val_bpb"}


# ---------------------------------------------------------------- scores


def _printed(job: Job, outcome: Outcome) -> Measured | Unscored:
    value = read_summary(Path(job.log)).get("val_bpb")
    if isinstance(value, bool | str) or value is None:
        return _unscored(
            job, outcome, "crash", "it ended without a finite val_bpb in a summary behind ---"
        )
    if not 0 < value < ABSURD_BPB:
        return _unscored(
            job, outcome, "invalid", f"it printed val_bpb {value}, which no model scores"
        )
    return _measured(job, outcome, float(value), "self-reported")


def _sealed(
    job: Job, room: Path, runner: Runner, cancel: threading.Event, trained: Outcome
) -> Measured | Unscored | Stopped:
    assert job.data is not None, "a sealed score needs data"
    try:
        weights = take_weights(Path(job.scratch), room / NAME, job.limits.disk_bytes)
    except NoWeights:
        return _unscored(job, trained, "crash", f"it exited with 0 but saved no {FOLDER}/{NAME}")
    except BadWeights as reason:
        return _unscored(job, trained, "invalid", str(reason))
    began = time.monotonic()
    candidate = Candidate(
        folder=room / WORKSPACE,
        train=job.train,
        weights=weights.path,
        room=room,
        python=job.python,
        limits=job.limits,
        cpus=job.cpus,
        gpus=job.gpus,
        hidden=job.hidden,
    )
    answer = score_weights(
        candidate, Validation.read(Path(f"{job.data}/val")), job.audit, runner, cancel
    )
    if isinstance(answer, Cancelled):
        return Stopped()
    if isinstance(answer, Unscorable):
        return _unscored(job, trained, answer.status, answer.detail).model_copy(update={"tail": ""})
    return _measured(job, trained, answer, "sealed", time.monotonic() - began, weights.parameters)


def _measured(
    job: Job,
    outcome: Outcome,
    value: float,
    kind: Literal["sealed", "self-reported"],
    seconds: float = 0.0,
    parameters: int | None = None,
) -> Measured:
    usage = outcome.usage
    return Measured(
        value=value,
        score=kind,
        seconds=usage.seconds,
        score_seconds=seconds,
        peak_memory_bytes=usage.peak_memory_bytes,
        parameters=parameters,
        curve=read_curve(Path(job.log)),
        facts=_facts(job.log),
    )
