"""Runs a project's check, a command that succeeds or fails, in a sandbox of its own."""

import threading
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Cancelled, Finished, Outcome, Runner, TimedOut
from sandbox.ground.record import Record
from sandbox.ground.text import last_words, one_line, tail
from sandbox.score.failure import failure
from sandbox.score.job import Job, training_of
from sandbox.score.measure import Stopped
from sandbox.score.room import NoProgram, place_data
from sandbox.score.weights import FOLDER


class Passed(Record):
    """The command exited with status 0."""

    seconds: float


class Failed(Record):
    """The command did not exit with status 0."""

    reason: str
    """In one printable line."""
    tail: str = ""
    """The end of what it printed, printable."""
    seconds: float = 0.0


def check(
    job: Job, command: tuple[str, ...], runner: Runner, cancel: threading.Event
) -> Passed | Failed | Stopped:
    """Run a command where a training of `job` would run: in its folder, with the same walls.

    It sees what a training sees, and nothing that one wrote: the folder is fresh. Its seeds are the
    project's own. Raise SandboxFault only.
    """
    (Path(job.scratch) / FOLDER).mkdir(parents=True, exist_ok=True)
    if job.checkout:
        place_data(Path(job.folder), Path(job.checkout), job.read_only)
    changed = {"command": command, "seed": 0, "seed_argument": "", "deadline": None}
    try:
        spec = training_of(job.model_copy(update=changed))
    except NoProgram as reason:
        if "/" in command[0]:  # a file of the attempt, which an edit may have broken
            return Failed(reason=one_line(str(reason)))
        message = one_line(f"a check cannot run: {reason}")
        raise SandboxFault(
            message, "$EDITOR autoresearch.toml   # checks = [...], then: autoresearch start"
        ) from None
    outcome = runner.run(spec, cancel)
    seconds = outcome.usage.seconds
    if isinstance(outcome, Cancelled):
        return Stopped(seconds=seconds)
    if isinstance(outcome, Finished):
        return Passed(seconds=seconds)
    log = Path(job.log)
    return Failed(reason=one_line(_reason(outcome, log)), tail=tail(log), seconds=seconds)


def _reason(outcome: Outcome, log: Path) -> str:
    """Return how a command failed, in words."""
    if isinstance(outcome, TimedOut):
        return f"it was killed after {outcome.usage.seconds:.0f} s: {last_words(log)}"
    _, reason = failure(outcome, log, None)
    return reason.replace("in training", "in it").replace("training was", "it was")
