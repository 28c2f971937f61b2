"""Scores a run by the project's own evaluator: its sandbox, its candidates, and what it reports.

What leaves is numbers, or one line in the harness's own words. What the evaluator prints is removed
with its folder: it has seen hidden data.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    LimitExceeded,
    Limits,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.ground.record import Record
from sandbox.ground.text import one_line
from sandbox.score.evaluator.candidate import Candidate, known_error
from sandbox.score.evaluator.outputs import place_outputs
from sandbox.score.evaluator.relay import Relay
from sandbox.score.metric import Metric, NotRead
from sandbox.score.reading import read_metric
from sandbox.score.room import place_data

INSIDE = Path(__file__).with_name("inside")
MAIN = str(INSIDE / "evaluator_main.py")
CANDIDATE = str(INSIDE / "candidate_main.py")
FOLDER = "evaluator"
OUTPUTS = "outputs"
MIN_SECONDS = 300.0
"""What an evaluation may take at least; a long training may be evaluated as long as it took."""
CALL_IT = 'call the run\'s code instead: candidate.call("module:function", …)'

Split = Literal["val", "test"]
Status = Literal["oom", "timeout", "crash", "invalid"]
STATUSES: dict[str, Status] = {"oom": "oom", "timeout": "timeout", "protocol": "invalid"}
"""By the kind of a candidate's failure; others are crashes."""


class Evaluation(Record):
    """How the project evaluates, as the owner says."""

    script: str
    """By its path in the project's folder."""
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Files that a run leaves, by their paths in the project's folder."""
    stale: tuple[str, ...] = ()
    """Those of them that a copy of the project must not begin with: only what the run leaves
    counts. An output that edits may touch begins as they leave it."""
    hidden: tuple[str, ...] = ()
    """Absolute paths of hidden files that no commit has; only the evaluator may read them."""
    split: Split = "val"


@dataclass(frozen=True)
class Bout:
    """One evaluation of one run."""

    evaluation: Evaluation
    export: Callable[[Path], None]
    """Write the files of the start commit, hidden ones too, to a folder."""
    attempt: Path
    """The attempt's files, which no training could write."""
    room: Path
    """Where the evaluation may make folders; OUTPUTS in it has what the run left."""
    candidate: Callable[[Path, Path], RunSpec]
    """The run of a candidate in (its scratch, its log); its files are in CANDIDATE_FILES there."""
    candidate_files: str
    python: str
    limits: Limits
    metric: Metric
    seed: int
    read_only: tuple[str, ...] = ()
    checkout: str | None = None
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()

    @property
    def seconds(self) -> float:
        """What the evaluation may take."""
        return max(MIN_SECONDS, self.limits.wall_seconds)


@dataclass(frozen=True)
class Reported:
    """What an evaluator measured."""

    value: float
    also: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NotEvaluated:
    """Why there is no score, in the harness's own words."""

    status: Status
    detail: str


def evaluate(bout: Bout, runner: Runner, cancel: threading.Event) -> Reported | NotEvaluated | None:
    """Run the evaluator. Return None where the harness was told to stop; raise SandboxFault only.

    When this returns, no process of the evaluation is left.
    """
    folder = bout.room / FOLDER
    bout.export(folder)
    if bout.checkout:
        place_data(folder, Path(bout.checkout), (*bout.read_only, *bout.evaluation.hidden))
    place_outputs(bout.room / OUTPUTS, bout.evaluation.outputs, folder, 0o444)
    end = time.monotonic() + bout.seconds
    relay = Relay(lambda number: _candidate(bout, number, runner, cancel, end), cancel)
    outcome = runner.converse(_spec(bout, folder), cancel, relay.talk)
    if isinstance(outcome, Cancelled) or cancel.is_set():
        return None
    lines = len((folder / bout.evaluation.script).read_bytes().splitlines())
    ending = _Ending(bout, relay, outcome, lines)
    return ending.failure() or ending.result()


def _spec(bout: Bout, folder: Path) -> RunSpec:
    """Return the run of the evaluator."""
    scratch = bout.room / "evaluator-scratch"
    scratch.mkdir()
    evaluation = bout.evaluation
    options = {
        "script": str(folder / evaluation.script),
        "arguments": [*evaluation.arguments, "--split", evaluation.split],
        "outputs": evaluation.outputs,
    }
    return RunSpec(
        argv=(bout.python, "-I", MAIN, json.dumps(options)),
        folder=str(folder),
        scratch=str(scratch),
        log=str(bout.room / "evaluator.log"),
        limits=bout.limits.model_copy(update={"wall_seconds": bout.seconds}),
        read_only=(str(INSIDE), *bout.read_only, *evaluation.hidden),
        environment={"AUTORESEARCH_SEED": str(bout.seed)},
        cpus=bout.cpus,
        gpus=bout.gpus,
    )


def _candidate(
    bout: Bout, number: int, runner: Runner, cancel: threading.Event, end: float
) -> Candidate:
    """Start a candidate in a fresh copy of the attempt, with the outputs of the run.

    end: when the evaluation is over, and the candidate with it.
    """
    scratch = bout.room / f"candidate-{number}"
    files = scratch / bout.candidate_files
    try:
        scratch.mkdir()
        shutil.copytree(bout.attempt, files, symlinks=True)
    except OSError as error:
        raise SandboxFault(f"cannot copy {bout.attempt} to {files}: {error}", "df -h .") from error
    place_outputs(bout.room / OUTPUTS, bout.evaluation.outputs, files, 0o644)
    spec = bout.candidate(scratch, bout.room / f"candidate-{number}.log")
    seconds = max(end - time.monotonic(), 1.0)
    limits = spec.limits.model_copy(update={"wall_seconds": seconds})
    return Candidate(spec.model_copy(update={"limits": limits}), runner, cancel)


class _Ending:
    """What the end of an evaluator says."""

    def __init__(self, bout: Bout, relay: Relay, outcome: Outcome, lines: int) -> None:
        self._bout = bout
        self._relay = relay
        self._outcome = outcome
        self._lines = lines

    def failure(self) -> NotEvaluated | None:
        """Return why there is no score; None where the evaluator came to its end."""
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
        """Return what was reported, or printed in one of the usual forms."""
        metric = self._bout.metric
        values = self._relay.values
        if not values:
            return self._printed()
        if metric.name not in values:
            names = ", ".join(sorted(values))
            return NotEvaluated(
                "invalid", one_line(f"the evaluator reported {names}, but no {metric.name}")
            )
        value = values[metric.name]
        if not isfinite(value):
            return NotEvaluated("invalid", f"the evaluator reported {metric.name} {value}")
        if metric.outside(value):
            return NotEvaluated(
                "invalid",
                f"the evaluator reported {metric.name} {value:g}, which is not {metric.bounds()}",
            )
        others = {name: values[name] for name in metric.also if name in values}
        return Reported(value, {name: other for name, other in others.items() if isfinite(other)})

    def _printed(self) -> Reported | NotEvaluated:
        reading = read_metric(self._bout.room / "evaluator.log", self._bout.metric)
        if isinstance(reading, NotRead):
            name = self._bout.metric.name
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
        if ending.get("exit") is True:
            return NotEvaluated("invalid", f"the evaluator exited with an error{where}")
        name = known_error(ending.get("error"))
        return NotEvaluated("invalid", f"the evaluator failed: {name}{where}")

    def _forbidden(self) -> str:
        what = "imported" if self._relay.ending.get("why") == "imported" else "unpickled"
        where = self._where(self._relay.ending.get("line"))
        return f"the evaluator {what} something of the run's{where}; {CALL_IT}"

    def _where(self, line: object) -> str:
        """Return the line of the evaluator's own file; one that it does not have is left out."""
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
