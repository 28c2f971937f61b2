"""What a project's evaluator imports: Candidate calls the run's code, report hands in numbers.

    from autoresearch_evaluate import Candidate, output, report

    candidate = Candidate()
    answer = candidate.call("model:predict", inputs)
    report(accuracy=float((answer == targets).mean()))

The harness puts this module on the path of an evaluation. Each Candidate is a process of its own,
in a sandbox of its own, in a fresh copy of the attempt's files with the run's declared outputs.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, BinaryIO, Callable

import autoresearch_frames as frames

__all__ = ["Candidate", "CandidateError", "Ran", "output", "report", "seed", "split"]


class CandidateError(Exception):
    """The run's code failed, was killed or gave no answer. An evaluator may catch it."""

    def __init__(self, kind: str, message: str) -> None:
        """`kind` is exception, crash, timeout, oom, limit or protocol."""
        super().__init__(message)
        self.kind = kind


class Ran:
    """How a program of the run's ended."""

    def __init__(self, code: int, stdout: bytes, seconds: float) -> None:
        self.code = code
        """Its exit status; a signal's number below zero."""
        self.stdout = stdout
        """What it printed, as bytes."""
        self.seconds = seconds
        """On the harness's clock."""


def _ignore() -> None:
    pass


class _Harness:
    """The pipes to the harness."""

    def __init__(self) -> None:
        self.source: BinaryIO | None = None
        self.sink: BinaryIO | None = None
        self.outputs: dict[str, str] = {}
        self.on_data: Callable[[], None] = _ignore
        self.lock = threading.Lock()

    def connect(
        self,
        source: BinaryIO,
        sink: BinaryIO,
        outputs: dict[str, str],
        on_data: Callable[[], None],
    ) -> None:
        """Take the pipes, and the paths of the run's outputs by name."""
        self.source = source
        self.sink = sink
        self.outputs = outputs
        self.on_data = on_data

    def ask(self, header: dict[str, Any], value: Any = None) -> tuple[dict[str, Any], Any]:
        """Send a question, and return the answer's header and value."""
        if self.sink is None or self.source is None:
            raise RuntimeError(
                "this evaluator was started by hand; `autoresearch start` starts it with a "
                "candidate to call"
            )
        arrays: list[Any] = []
        encoded = frames.encode(value, arrays)
        with self.lock:
            frames.write(self.sink, dict(header, value=encoded), arrays)
            answer, raw = frames.read(self.source)
        if not answer.get("ok"):
            raise CandidateError(answer.get("kind", "crash"), answer.get("message", ""))
        if header["do"] in ("call", "run"):
            self.on_data()
        return answer, frames.decode(answer.get("value"), raw)


_harness = _Harness()


class Candidate:
    """The run's code in a process of its own. A `with` statement, or close(), ends it."""

    def __init__(self) -> None:
        answer, _ = _harness.ask({"do": "open"})
        self._number: int = answer["candidate"]
        self.seconds = 0.0
        """What the last call took, on the harness's clock, without the first import."""

    def call(self, target: str, *args: Any, **options: Any) -> Any:
        """Return what the function `module:function` of the run returns for these arguments.

        Arguments and results are numbers, text, bytes, lists, dictionaries and numpy arrays.
        `timeout` is in seconds. Raise CandidateError.
        """
        timeout = options.pop("timeout", None)
        question = {"do": "call", "candidate": self._number, "target": target, "seconds": timeout}
        answer, value = _harness.ask(question, {"args": list(args), "kwargs": options})
        self.seconds = answer["seconds"]
        return value

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float | None = None) -> Ran:
        """Start a program in the copy of the run's files, and return how it ended (Ran).

        argv is a list of words; `python` is the project's interpreter. Raise CandidateError.
        """
        question = {"do": "run", "candidate": self._number, "seconds": timeout}
        answer, value = _harness.ask(question, {"argv": list(argv), "stdin": stdin})
        self.seconds = answer["seconds"]
        return Ran(value["code"], value["stdout"], answer["seconds"])

    def close(self) -> None:
        """End the process with all that it started."""
        _harness.ask({"do": "close", "candidate": self._number})

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def output(name: str) -> str:
    """Return the path of an output that the run left and [evaluate] declares.

    It is data: to unpickle, torch.load or import it ends the evaluation.
    """
    if name not in _harness.outputs:
        known = ", ".join(sorted(_harness.outputs)) or "none"
        raise KeyError("%s is not declared in outputs of [evaluate]: %s" % (name, known))
    _harness.on_data()
    return _harness.outputs[name]


def report(**values: float) -> None:
    """Hand in what was measured, by name; the last value of a name counts.

    Started by hand, an evaluator prints it instead.
    """
    numbers = {name: float(value) for name, value in values.items()}
    if _harness.sink is None:
        for name, value in numbers.items():
            sys.stdout.write("%s: %r\n" % (name, value))
        return
    _harness.ask({"do": "report", "values": {name: repr(v) for name, v in numbers.items()}})


def split() -> str:
    """Return the split that is asked for: `val` or `test`."""
    words = sys.argv
    place = words.index("--split") + 1 if "--split" in words else len(words)
    return words[place] if place < len(words) else "val"


def seed() -> int:
    """Return the harness's seed of this run, for an evaluator that samples."""
    return int(os.environ.get("AUTORESEARCH_SEED", "0"))
