"""Measures once: trains in a sandbox and scores. A failure never becomes a number."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Literal, TypeVar

from pydantic import FiniteFloat

from sandbox.ground.answering import Answering
from sandbox.ground.deadline import LATE_SECONDS
from sandbox.ground.fault import SandboxFault
from sandbox.ground.hints import Room, hint_of
from sandbox.ground.outcome import (
    Cancelled,
    Finished,
    Outcome,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.ground.record import Record
from sandbox.ground.text import one_line, tail
from sandbox.score.evaluator.evaluate import Bout, NotEvaluated, Reported, evaluate
from sandbox.score.evaluator.evaluation import Evaluation, Split
from sandbox.score.evaluator.outputs import remove_outputs
from sandbox.score.failure import Status, ended_in_silence, failure, with_score
from sandbox.score.forms import Printed
from sandbox.score.job import Job as Job
from sandbox.score.job import training_of
from sandbox.score.lingering import Lingering
from sandbox.score.metric import NotRead, Reading
from sandbox.score.opened import FirstOpen
from sandbox.score.printed import Point, Value, read_curve, read_summary
from sandbox.score.reading import lacking, read_also, read_metric, units_of
from sandbox.score.room import NoProgram, place_data
from sandbox.score.scoring import (
    WORKSPACE,
    Candidate,
    Scored,
    Unscorable,
    score_weights,
    scoring_room,
)
from sandbox.score.sealed import Validation
from sandbox.score.seeding import SeedCalls, read_seed_calls
from sandbox.score.weights import FOLDER, NAME, BadWeights, NoWeights, take_weights

WORDS_BESIDE_A_HINT = 120
"""Characters of a run's own last words, where there is more to say."""

Facts = dict[str, Value]
Answer = TypeVar("Answer")


class Measured(Record):
    """A score, with the resources it took."""

    kind: Literal["measured"] = "measured"
    value: FiniteFloat
    score: Literal["sealed", "evaluated", "self-reported"]
    seconds: float
    """Of the training, on the harness's clock."""
    startup: float | None = None
    """Seconds until it first opened its tokens: 0 if never, None if that was not watched."""
    cut: bool = False
    """Whether it was ended at its deadline, and the weights that lay there were scored."""
    score_seconds: float = 0.0
    answering: Answering | None = None
    """How long a baseline's model took to answer, by which others are judged; else None."""
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}
    reading: Reading | None = None
    """Where a printed score was read; None for others."""
    also: dict[str, FiniteFloat] = {}
    """Other metrics that it printed, whoever computed the score."""
    units: dict[str, str] = {}
    """What was printed behind each of `also`; "" where it was reported."""
    seeding: SeedCalls = SeedCalls()
    """How the harness's seed reached the training, self-reported."""


class Unscored(Record):
    """A failure, with its reason."""

    kind: Literal["unscored"] = "unscored"
    status: Status
    detail: str
    """In one printable line."""
    tail: str = ""
    """The end of the log, printable."""
    overshot: bool = False
    """Whether it trained longer than its budget allows."""
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    curve: tuple[Point, ...] = ()
    facts: Facts = {}


class Stopped(Record):
    """The harness was told to stop. Only the time until then is known."""

    kind: Literal["stopped"] = "stopped"
    seconds: float = 0.0
    peak_memory_bytes: int | None = None


def measure(
    job: Job,
    runner: Runner,
    cancel: threading.Event,
    on_scoring: Callable[[], None] = lambda: None,
    export: Callable[[Path, Split], None] | None = None,
) -> Measured | Unscored | Stopped:
    """Train, then score. Raise SandboxFault only.

    export: writes the start commit's files, hidden ones too, to a folder; for an evaluation.
    """
    (Path(job.scratch) / FOLDER).mkdir(parents=True, exist_ok=True)
    if job.checkout:
        place_data(Path(job.folder), Path(job.checkout), job.read_only)
    if job.score == "printed":
        return _run(job, runner, cancel, lambda trained: _printed(job, trained))
    if job.evaluation:
        remove_outputs(Path(job.folder), job.evaluation.stale)
    with scoring_room(Path(job.folder), Path(job.scratch)) as room:

        def score(trained: Outcome) -> Measured | Unscored | Stopped:
            on_scoring()
            if job.evaluation and export:
                return _evaluated(job, job.evaluation, export, room, runner, cancel, trained)
            return _sealed(job, room, runner, cancel, trained)

        return _run(job, runner, cancel, score)


def _run(
    job: Job,
    runner: Runner,
    cancel: threading.Event,
    score: Callable[[Outcome], Measured | Unscored | Stopped],
) -> Measured | Unscored | Stopped:
    """Train and score."""
    try:
        training = training_of(job)
    except NoProgram as reason:
        return Unscored(status="crash", detail=one_line(str(reason)))
    tokens = Path(job.own_data) / "tokens.bin" if job.own_data else None
    log = Path(job.log)
    printed = job.metric if job.score == "printed" else None
    with FirstOpen(tokens) as opened, Lingering(log, printed, cancel) as lingering:
        outcome = _outcome(job, runner, training, lingering.stop)
    if lingering.silence is not None and isinstance(outcome, Cancelled):
        detail = ended_in_silence(outcome.usage.seconds, lingering.silence, log, job.metric)
        return _unscored(job, outcome, "timeout", detail)
    if isinstance(outcome, Cancelled):
        usage = outcome.usage
        return Stopped(seconds=usage.seconds, peak_memory_bytes=usage.peak_memory_bytes)
    cut = _was_cut(job, outcome)
    overshot = "" if cut else _overshot(job, outcome, opened.seconds)
    if overshot:
        detail = with_score(overshot, outcome, log, printed)
        if job.deadline and job.deadline.is_limited:
            return _unscored(job, outcome, "over-limit", detail)
        return _unscored(job, outcome, "invalid", detail).model_copy(update={"overshot": True})
    if not (isinstance(outcome, Finished) or cut):
        status, detail = failure(outcome, log, printed)
        hint = hint_of(outcome, _room_of(job, runner.tier))
        if hint:
            detail = f"{one_line(detail, WORDS_BESIDE_A_HINT)}; {hint}"
        return _unscored(job, outcome, status, detail)
    result = score(outcome)
    if isinstance(result, Measured):
        startup = _startup(opened.seconds, result.seconds)
        return result.model_copy(update={"startup": startup, "cut": cut})
    return result


def _outcome(job: Job, runner: Runner, training: RunSpec, stop: threading.Event) -> Outcome:
    """Return how a training ends. Raise SandboxFault, also where its interpreter is gone."""
    try:
        return runner.run(training, stop)
    except SandboxFault as fault:
        if Path(job.python).exists():
            raise
        raise SandboxFault(
            f"the interpreter of the trainings is gone: {job.python}",
            f"ls -l {quote(job.python)}",
        ) from fault


def _startup(opened: float | None, seconds: float) -> float | None:
    """Return the seconds until the tokens were opened, at most the training's.

    opened: counted from shortly before the training began, since that is when watching starts.
    """
    return None if opened is None else min(opened, seconds)


def _was_cut(job: Job, outcome: Outcome) -> bool:
    """Return whether a training was killed at its deadline and left weights to score.

    Only a budget in seconds and a sealed score allow that.
    """
    if not isinstance(outcome, TimedOut) or job.deadline is None:
        return False
    if not job.deadline.in_seconds or job.score != "sealed":
        return False
    in_time = outcome.usage.seconds <= job.deadline.seconds + LATE_SECONDS
    return in_time and os.path.lexists(f"{job.scratch}/{FOLDER}/{NAME}")


def _overshot(job: Job, outcome: Outcome, opened: float | None) -> str:
    """Return why the training broke its budget; "" if it did not, or failed otherwise."""
    if job.deadline is None or not isinstance(outcome, Finished | TimedOut):
        return ""
    return job.deadline.broken(outcome.usage.seconds, opened, killed=isinstance(outcome, TimedOut))


# ---------------------------------------------------------------- failures


def _room_of(job: Job, tier: str) -> Room:
    checkout = Path(job.checkout) if job.checkout else None
    return Room(tier, Path(job.log), job.python, checkout, Path(job.folder))


def _unscored(job: Job, outcome: Outcome, status: Status, detail: str) -> Unscored:
    usage = outcome.usage
    return Unscored(
        status=status,
        detail=one_line(detail),
        tail=tail(Path(job.log)),
        seconds=usage.seconds,
        peak_memory_bytes=usage.peak_memory_bytes,
        curve=read_curve(Path(job.log)),
        facts=read_summary(Path(job.log), job.metric.name),
    )


# ---------------------------------------------------------------- scores


def _printed(job: Job, outcome: Outcome) -> Measured | Unscored:
    reading = read_metric(Path(job.log), job.metric)
    if isinstance(reading, NotRead):
        return _unscored(job, outcome, reading.status, reading.reason)
    measured = _measured(job, outcome, reading.value, "self-reported")
    update = {"reading": reading, "also": reading.also, "units": reading.units}
    return measured.model_copy(update=update)


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
    printed = read_also(Path(job.log), job.metric.also)
    missing = lacking(Path(job.log), job.metric, printed)
    if missing:
        return _unscored(job, trained, "crash", missing)
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
    validation = Validation.read(Path(f"{job.data}/val"))
    answer, late = _in_time(
        job, lambda: score_weights(candidate, validation, job.audit, runner, cancel)
    )
    if isinstance(answer, Cancelled):
        return Stopped()
    if late:
        answer = Unscorable("invalid", late, learnt=True)
    if isinstance(answer, Unscorable):
        return _without_score(job, trained, answer)
    seconds = time.monotonic() - began
    measured = _measured(job, trained, answer.value, "sealed", seconds, weights.parameters)
    return _with_printed(_with_answering(job, measured, answer), printed)


def _in_time(job: Job, score: Callable[[], Answer]) -> tuple[Answer, str]:
    """Score; where that took so long that the run's code may have learnt on, score once more.

    Return the answer, and why the second one took too long, too; "" if it did not.
    """
    answer = score()
    if not _too_long(job, answer):
        return answer, ""
    again = score()
    return again, _too_long(job, again)


def _too_long(job: Job, answer: object) -> str:
    """Return why a score took so long that the run's code may have learnt on; else ""."""
    if not isinstance(answer, Scored | Reported):
        return ""
    if job.deadline is None or answer.answering is None:
        return ""
    return job.deadline.scored_too_long(answer.answering)


def _without_score(job: Job, trained: Outcome, answer: Unscorable | NotEvaluated) -> Unscored:
    """Return a failed scoring without the log's end, which the scored code could choose."""
    update = {"tail": "", "overshot": answer.learnt}
    return _unscored(job, trained, answer.status, answer.detail).model_copy(update=update)


def _with_answering(job: Job, measured: Measured, answer: Scored | Reported) -> Measured:
    """Return a baseline's score with the time of its answers.

    Of other code that would be a message: it has seen the validation data.
    """
    if job.deadline is not None:
        return measured
    return measured.model_copy(update={"answering": answer.answering})


def _evaluated(
    job: Job,
    evaluation: Evaluation,
    export: Callable[[Path, Split], None],
    room: Path,
    runner: Runner,
    cancel: threading.Event,
    trained: Outcome,
) -> Measured | Unscored | Stopped:
    began = time.monotonic()
    bout = Bout(job, evaluation, export, room)
    answer, late = _in_time(job, lambda: evaluate(bout, runner, cancel))
    if answer is None:
        return Stopped()
    if late:
        answer = NotEvaluated("invalid", late, learnt=True)
    if isinstance(answer, NotEvaluated):
        return _without_score(job, trained, answer)
    seconds = time.monotonic() - began
    # What the evaluator reports counts, and only what it does not report is read from the log.
    names = [name for name in job.metric.also if name not in answer.also]
    printed = read_also(Path(job.log), names)
    missing = lacking(Path(job.log), job.metric, (*printed, *answer.also))
    if missing:
        return _unscored(job, trained, "crash", missing)
    measured = _measured(job, trained, answer.value, "evaluated", seconds)
    measured = _with_answering(job, measured, answer)
    reported = {"also": answer.also, "units": dict.fromkeys(answer.also, "")}
    return _with_printed(measured.model_copy(update=reported), printed)


def _with_printed(measured: Measured, printed: dict[str, Printed]) -> Measured:
    """Return a score with what the run printed of further metrics."""
    values = {name: value.value for name, value in printed.items()}
    units = {**measured.units, **units_of(printed)}
    return measured.model_copy(update={"also": {**measured.also, **values}, "units": units})


def _measured(
    job: Job,
    outcome: Outcome,
    value: float,
    kind: Literal["sealed", "evaluated", "self-reported"],
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
        facts=read_summary(Path(job.log), job.metric.name),
        seeding=read_seed_calls(Path(job.scratch)),
    )
