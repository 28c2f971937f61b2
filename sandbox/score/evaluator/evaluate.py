"""Scores a run by the project's own evaluator, in a sandbox beside those of its candidates.

What leaves is numbers, or one line in the harness's own words. What the evaluator prints is removed
with its folder: it has seen hidden data.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sandbox.ground.answering import Answering
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    LimitExceeded,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.ground.plain_files import lines_of
from sandbox.ground.text import one_line
from sandbox.score.evaluator.candidate import Candidate, known_error
from sandbox.score.evaluator.evaluation import Evaluation, Split
from sandbox.score.evaluator.outputs import BadOutput, NoOutput, place_outputs, take_outputs
from sandbox.score.evaluator.relay import Relay
from sandbox.score.forms import is_score
from sandbox.score.job import Job, training_of
from sandbox.score.metric import NotRead
from sandbox.score.reading import read_metric
from sandbox.score.room import place_data
from sandbox.score.scoring import WORKSPACE
from sandbox.score.seeding import SEED
from sandbox.score.weights import FOLDER as SAVED

INSIDE = Path(__file__).with_name("inside")
MAIN = str(INSIDE / "evaluator_main.py")
CANDIDATE = str(INSIDE / "candidate_main.py")
FOLDER = "evaluator"
OUTPUTS = "outputs"
MIN_SECONDS = 300.0
"""What an evaluation may take at least; a long training may be evaluated as long as it took."""
CALL_IT = 'call the run\'s code instead: candidate.call("module:function", …)'

Status = Literal["oom", "timeout", "crash", "invalid"]
STATUSES: dict[str, Status] = {"oom": "oom", "timeout": "timeout", "protocol": "invalid"}
"""By the kind of a candidate's failure; others are crashes."""


@dataclass(frozen=True)
class Bout:
    """One evaluation of one run."""

    job: Job
    evaluation: Evaluation
    export: Callable[[Path, Split], None]
    """Write the files of the start commit, hidden ones too, to a folder."""
    room: Path
    """The evaluation's folders; WORKSPACE in it has the attempt's files, which no training could
    write."""

    @property
    def seconds(self) -> float:
        """Seconds that the evaluation may take."""
        return max(MIN_SECONDS, self.job.limits.wall_seconds)

    def clear(self) -> None:
        """Remove what an earlier evaluation left."""
        for path in self.room.iterdir():
            if path.name == WORKSPACE:
                continue
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()


@dataclass(frozen=True)
class Reported:
    """The metrics that an evaluator reported."""

    value: float
    also: dict[str, float] = field(default_factory=dict)
    answering: Answering | None = None
    """How long the run's own code took for it."""


@dataclass(frozen=True)
class NotEvaluated:
    """No score, with the reason in the harness's own words."""

    status: Status
    detail: str
    learnt: bool = False
    """Whether the run's code may have learnt while it was evaluated, by the time that it took."""


def evaluate(bout: Bout, runner: Runner, cancel: threading.Event) -> Reported | NotEvaluated | None:
    """Run the evaluator; None if the harness was told to stop. Raise SandboxFault only.

    When this returns, no process of the evaluation is left.
    """
    job = bout.job
    outputs = bout.evaluation.outputs
    bout.clear()
    try:
        take_outputs(Path(job.folder), outputs, bout.room / OUTPUTS, job.limits.disk_bytes)
    except NoOutput as reason:
        return NotEvaluated("crash", f"it exited with 0, but {reason}")
    except BadOutput as reason:
        return NotEvaluated("invalid", str(reason))
    folder = bout.room / FOLDER
    bout.export(folder, bout.evaluation.split)
    if job.checkout:
        place_data(folder, Path(job.checkout), (*job.read_only, *_shown(bout.evaluation)))
    place_outputs(bout.room / OUTPUTS, bout.evaluation.outputs, folder, read_only=True)
    lines = lines_of(folder, bout.evaluation.script)  # before it could put something else there
    end = time.monotonic() + bout.seconds
    relay = Relay(lambda number: _candidate(bout, number, runner, end), cancel)
    outcome = runner.converse(_spec(bout, folder), cancel, relay.talk)
    if isinstance(outcome, Cancelled) or cancel.is_set():
        return None
    ending = _Ending(bout, relay, outcome, lines)
    answer = ending.failure() or ending.result()
    return replace(answer, answering=relay.answering) if isinstance(answer, Reported) else answer


def _shown(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the hidden paths that the evaluator of this split may read."""
    return (*evaluation.hidden, *(evaluation.test if evaluation.split == "test" else ()))


def _spec(bout: Bout, folder: Path) -> RunSpec:
    """Return the run of the evaluator."""
    job = bout.job
    scratch = bout.room / "evaluator-scratch"
    scratch.mkdir()
    evaluation = bout.evaluation
    options = {
        "script": str(folder / evaluation.script),
        "arguments": [*evaluation.arguments, "--split", evaluation.split],
        "outputs": evaluation.outputs,
        "program": evaluation.program,
        "paths": [str(folder / path) for path in ("", *job.import_from)],
    }
    return RunSpec(
        argv=(job.python, "-I", MAIN, json.dumps(options)),
        folder=str(folder),
        scratch=str(scratch),
        log=str(bout.room / "evaluator.log"),
        limits=job.limits.model_copy(update={"wall_seconds": bout.seconds}),
        read_only=(str(INSIDE), *job.read_only, *_shown(evaluation)),
        hidden=() if evaluation.split == "test" else evaluation.test,
        environment={**job.environment, SEED: str(job.seed)},
        cpus=job.cpus,
        gpus=job.gpus,
    )


def _candidate(bout: Bout, number: int, runner: Runner, end: float) -> Candidate:
    """Start a candidate in a fresh copy of the attempt, with the outputs of the run.

    end: when the evaluation is over, and the candidate with it.
    """
    attempt = bout.room / WORKSPACE
    scratch = bout.room / f"candidate-{number}"
    files = scratch / WORKSPACE
    try:
        (scratch / SAVED).mkdir(parents=True)
        shutil.copytree(attempt, files, symlinks=True)
    except OSError as error:
        raise SandboxFault(f"cannot copy {attempt} to {files}: {error}", "df -h .") from error
    place_outputs(bout.room / OUTPUTS, bout.evaluation.outputs, files)
    if bout.job.checkout:
        place_data(files, Path(bout.job.checkout), bout.job.read_only)
    own = {
        "folder": str(files),
        "scratch": str(scratch),
        "log": str(bout.room / f"candidate-{number}.log"),
        "command": ("python", CANDIDATE, str(files), str((files / bout.job.train).parent)),
        "deadline": None,
        "seed_argument": None,
    }
    spec = training_of(bout.job.model_copy(update=own))
    seconds = max(end - time.monotonic(), 1.0)
    limits = spec.limits.model_copy(update={"wall_seconds": seconds})
    read_only = (*spec.read_only, str(INSIDE))
    return Candidate(
        spec.model_copy(update={"limits": limits, "read_only": read_only}), attempt, runner
    )


class _Ending:
    """Interprets the end of an evaluator."""

    def __init__(self, bout: Bout, relay: Relay, outcome: Outcome, lines: int) -> None:
        self._bout = bout
        self._relay = relay
        self._outcome = outcome
        self._lines = lines

    def failure(self) -> NotEvaluated | None:
        """Return why there is no score; None if the evaluator ended properly."""
        match self._outcome:
            case OutOfMemory():
                return NotEvaluated("oom", "out of memory in the evaluation")
            case TimedOut():
                seconds = self._outcome.usage.seconds
                return NotEvaluated("timeout", f"the evaluation was killed after {seconds:.0f} s")
            case LimitExceeded():
                limit = self._outcome.limit
                return NotEvaluated("crash", f"the evaluation was killed at its {limit} limit")
        if self._relay.refusal:
            return NotEvaluated("invalid", one_line(self._relay.refusal))
        match self._relay.ending.get("do"):
            case "done":
                return None
            case "forbidden":
                return NotEvaluated("invalid", self._forbidden())
            case "failed":
                return self._failed()
        return NotEvaluated("invalid", f"the evaluator ended without a word{self._status()}")

    def result(self) -> Reported | NotEvaluated:
        """Return the metrics that were reported, or printed in one of the usual forms."""
        metric = self._bout.job.metric
        values = self._relay.values
        if not values:
            return self._printed()
        if metric.name not in values:
            others = [name for name in sorted(values) if name in metric.also]
            what = f"only {', '.join(others)}" if others else "other names"
            detail = f"the evaluator reported {what}, but no {metric.name}"
            return NotEvaluated("invalid", one_line(detail))
        value = values[metric.name]
        if not is_score(value):
            return NotEvaluated("invalid", f"the evaluator reported {metric.name} {value}")
        if metric.outside(value):
            return NotEvaluated(
                "invalid",
                f"the evaluator reported {metric.name} {value:g}, which is not {metric.bounds()}",
            )
        also = {name: values[name] for name in metric.also if name in values}
        return Reported(value, {name: other for name, other in also.items() if is_score(other)})

    def _printed(self) -> Reported | NotEvaluated:
        # A guard's metric may be one that the run itself prints.
        metric = self._bout.job.metric.model_copy(update={"required": ()})
        reading = read_metric(self._bout.room / "evaluator.log", metric)
        if isinstance(reading, NotRead):
            name = self._bout.job.metric.name
            detail = f"the evaluator neither reported nor printed {name}: {_report_of(name)}"
            return NotEvaluated("invalid", one_line(detail))
        return Reported(reading.value, reading.also)

    def _failed(self) -> NotEvaluated:
        ending = self._relay.ending
        broken = self._relay.broken
        where = self._where(ending.get("line"))
        if ending.get("candidate") is True and broken is not None:
            detail = f"the evaluator's call failed{where}: {broken.message}"
            return NotEvaluated(STATUSES.get(broken.kind, "crash"), one_line(detail))
        if ending.get("idle") is True:
            program = self._bout.evaluation.program
            detail = f"the evaluator called no function of {program}{where}"
            return NotEvaluated("invalid", one_line(detail))
        if ending.get("exit") is True:
            return NotEvaluated("invalid", f"the evaluator exited with an error{where}")
        name = known_error(ending.get("error"))
        return NotEvaluated("invalid", f"the evaluator failed: {name}{where}")

    def _forbidden(self) -> str:
        why = self._relay.ending.get("why")
        what = why if why in ("imported", "started", "executed") else "unpickled"
        where = self._where(self._relay.ending.get("line"))
        return f"the evaluator {what} something of the run's{where}; {CALL_IT}"

    def _where(self, line: object) -> str:
        """Return the line of the evaluator's own file, if it has such a line."""
        if type(line) is not int or not 1 <= line <= self._lines:
            return ""
        return f" in {self._bout.evaluation.script}, line {line}"

    def _status(self) -> str:
        match self._outcome:
            case Crashed(signal=int(signal)):
                return f": it died of signal {signal}"
            case Crashed(exit_code=int(code)):
                return f": it exited with status {code}"
        return ""


def _report_of(name: str) -> str:
    """Return the call that reports a metric."""
    return f"report({name}=…)" if name.isidentifier() else f'report(**{{"{name}": …}})'
