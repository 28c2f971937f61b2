"""A candidate: the run's code in a sandbox of its own, called over frames from another thread."""

import builtins
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import (
    Crashed,
    LimitExceeded,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.ground.plain_files import lines_of
from sandbox.score.evaluator.inside import autoresearch_frames as frames

LOOK_SECONDS = 0.1
"""How often a waiting call looks whether it is still waited for."""

Arrays = Sequence[tuple[str, tuple[int, ...], bytes]]


@dataclass(frozen=True)
class Answer:
    """The result of a call, with its time on the harness's clock."""

    header: dict[str, Any]
    arrays: Arrays
    seconds: float


@dataclass(frozen=True)
class Broken:
    """Why a candidate gave no answer."""

    kind: str
    """exception, crash, timeout, oom, limit or protocol."""
    message: str


class Candidate:
    """One process of the run's code, from its start to close()."""

    def __init__(self, spec: RunSpec, attempt: Path, runner: Runner) -> None:
        """Start the process. attempt: its files, as a read-only copy."""
        self._spec = spec
        self._attempt = attempt
        self._runner = runner
        self._stop = threading.Event()
        self._requests: queue.SimpleQueue[tuple[dict[str, Any], Arrays] | None]
        self._requests = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer | Outcome | frames.BadFrame | SandboxFault]
        self._answers = queue.SimpleQueue()
        self._number = 0
        self._imported: set[str] = set()
        self.opening = 0.0
        """Seconds that its imports took."""
        self._dead: Broken | None = None
        self._thread = threading.Thread(target=self._live, name="candidate", daemon=True)
        self._thread.start()

    def call(
        self,
        header: dict[str, Any],
        arrays: Arrays,
        target: str,
        seconds: float | None,
        is_over: Callable[[], bool],
    ) -> Answer | Broken:
        """Return the answer to a request; the import of what it names is not timed.

        is_over: whether nobody waits for it any more. Raise SandboxFault where the harness itself
        fails.
        """
        if target and target not in self._imported:
            question = {"do": "import", "target": target}
            answer = self._ask(question, (), seconds, is_over)
            if isinstance(answer, Broken):
                return answer
            self._imported.add(target)
            self.opening += answer.seconds
        return self._ask(header, arrays, seconds, is_over)

    def close(self) -> None:
        """End the process, and wait until nothing of it is left."""
        self._stop.set()
        self._requests.put(None)
        self._thread.join()

    def _ask(
        self,
        header: dict[str, Any],
        arrays: Arrays,
        seconds: float | None,
        is_over: Callable[[], bool],
    ) -> Answer | Broken:
        if self._dead:
            return self._dead
        self._number = secrets.randbits(48)  # what was not asked yet cannot be answered
        self._requests.put(({**header, "id": self._number}, arrays))
        answer = self._wait(seconds, is_over)
        if isinstance(answer, Answer) and answer.header.get("id") == self._number:
            return self._checked(answer)
        if isinstance(answer, SandboxFault):
            raise answer
        self._stop.set()
        self._dead = _broken(answer)
        return self._dead

    def _wait(
        self, seconds: float | None, is_over: Callable[[], bool]
    ) -> Answer | Outcome | frames.BadFrame | SandboxFault | None:
        """Return the answer to a request; None after its time limit."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            pause = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
            try:
                return self._answers.get(timeout=max(pause, 0.0))
            except queue.Empty:
                if is_over() or (end is not None and time.monotonic() >= end):
                    return None

    def _checked(self, answer: Answer) -> Answer | Broken:
        """Return an answer, or the failure that it reports."""
        if answer.header.get("ok") is True:
            try:
                frames.check(answer.header.get("value"), answer.arrays)
            except frames.BadFrame as problem:
                return _broken(problem)
            return answer
        where = _place(self._attempt, answer.header.get("file"), answer.header.get("line"))
        return Broken("exception", f"{known_error(answer.header.get('error'))}{where}")

    def _live(self) -> None:
        try:
            outcome = self._runner.converse(self._spec, self._stop, self._talk)
            self._answers.put(outcome)
        except (SandboxFault, frames.BadFrame) as problem:
            self._answers.put(problem)

    def _talk(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        while (request := self._requests.get()) is not None:
            began = time.perf_counter()
            frames.write(stdin, *request)
            header, arrays = frames.read(stdout)
            self._answers.put(Answer(header, arrays, time.perf_counter() - began))


def known_error(name: object) -> str:
    """Return the name of a built-in exception; other names do not leave the sandbox."""
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    is_error = isinstance(kind, type) and issubclass(kind, BaseException)
    return str(name) if is_error else "an exception"


def _place(attempt: Path, file: object, line: object) -> str:
    """Return the file and line at which the run's code says that it failed, if they exist.

    Nothing else of what it says leaves: it has seen what the evaluator hands it.
    """
    if not isinstance(file, str) or type(line) is not int or "\0" in file:
        return ""
    if ".." in PurePosixPath(file).parts or file.startswith("/"):
        return ""
    return f" in {file}, line {line}" if 1 <= line <= lines_of(attempt, file) else ""


def _broken(answer: Answer | Outcome | frames.BadFrame | None) -> Broken:
    """Return the reason for no answer, in the harness's own words."""
    match answer:
        case None:
            return Broken("timeout", "it did not answer in time")
        case Answer():
            return Broken("protocol", "it answered what was not asked")
        case frames.BadFrame():
            return Broken("protocol", f"its answer is no frame: {answer}")
        case OutOfMemory():
            return Broken("oom", "it ran out of memory")
        case TimedOut():
            return Broken("timeout", "it did not answer in time")
        case LimitExceeded():
            return Broken("limit", f"it was killed at its {answer.limit} limit")
        case Crashed(signal=int(signal)):
            return Broken("crash", f"it died of signal {signal}")
        case _:
            return Broken("crash", "its process ended")
