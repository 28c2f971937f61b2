"""Relays frames between the evaluator and its candidates, with checks and counts."""

import re
import select
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from sandbox.ground.answering import Answering
from sandbox.ground.text import one_line
from sandbox.score.evaluator.candidate import Answer, Arrays, Broken, Candidate
from sandbox.score.evaluator.inside import autoresearch_frames as frames

MAX_CALLS = 100_000
MAX_CANDIDATES = 1_000
MAX_ALIVE = 8
"""Candidates at a time."""
MAX_VALUES = 64
MAX_NAME = 100
MAX_SECONDS = 1e6
"""A longer timeout of a call is none: the evaluation ends before it."""
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

Start = Callable[[int], Candidate]
"""Starts the candidate of this number in fresh folders."""


class Refused(Exception):
    """Raised for a request that the evaluator may not make; the message says which."""


class Relay:
    """One conversation with an evaluator."""

    def __init__(self, start: Start, cancel: threading.Event) -> None:
        self._start = start
        self._cancel = cancel
        self._alive: dict[int, Candidate] = {}
        self.values: dict[str, float] = {}
        """What was reported, by name."""
        self.ending: dict[str, Any] = {}
        """The evaluator's last word; empty where it gave none."""
        self.broken: Broken | None = None
        """The last failure of a candidate."""
        self.refusal = ""
        """Why the conversation was ended."""
        self.candidates = 0
        self.calls = 0
        self._opening = 0.0
        self._called = 0.0

    @property
    def answering(self) -> Answering:
        """How long the candidates took: the slowest imports of one, and all calls of all."""
        return Answering(opening=self._opening, later=self._called)

    def talk(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        """Answer the evaluator until it is done. This is the Dialogue of its run."""
        self._waiting = select.poll()
        self._waiting.register(stdout.fileno(), 0)
        try:
            while not self._cancel.is_set():
                header, arrays = frames.read(stdout)
                if header.get("do") in ("done", "failed", "forbidden"):
                    self.ending = header
                    return
                answer, raw = self._answer(header, arrays)
                frames.write(stdin, answer, raw)
        except (Refused, frames.BadFrame) as refusal:
            self.refusal = str(refusal)
        finally:
            for candidate in self._alive.values():
                candidate.close()

    def _answer(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        match header.get("do"):
            case "open":
                return {"ok": True, "candidate": self._open()}, ()
            case "close":
                self._close(header)
                return {"ok": True}, ()
            case "report":
                self._report(header.get("values"))
                return {"ok": True}, ()
            case "call" | "run" as kind:
                return self._call(kind, header, arrays)
        raise Refused("the evaluator sent an unknown request")

    def _is_over(self) -> bool:
        """Return whether the evaluator is dead, so that nobody waits for an answer."""
        return self._cancel.is_set() or bool(self._waiting.poll(0))

    def _open(self) -> int:
        self.candidates += 1
        if self.candidates > MAX_CANDIDATES:
            raise Refused(f"the evaluator started more than {MAX_CANDIDATES} candidates")
        if len(self._alive) >= MAX_ALIVE:
            raise Refused(
                f"the evaluator has {MAX_ALIVE} candidates that it did not close: "
                "`with Candidate() as candidate:` closes one"
            )
        self._alive[self.candidates] = self._start(self.candidates)
        return self.candidates

    def _close(self, header: dict[str, Any]) -> None:
        self._one(header).close()
        del self._alive[header["candidate"]]

    def _one(self, header: dict[str, Any]) -> Candidate:
        number = header.get("candidate")
        if type(number) is not int or number not in self._alive:
            raise Refused("the evaluator named a candidate that it has not, or closed")
        return self._alive[number]

    def _report(self, values: object) -> None:
        if not isinstance(values, dict) or len(values) + len(self.values) > MAX_VALUES:
            raise Refused(f"the evaluator reported no values, or more than {MAX_VALUES}")
        for name, text in values.items():
            try:
                self.values[name[:MAX_NAME]] = float(text)
            except (TypeError, ValueError, OverflowError):
                raise Refused("the evaluator reported something that is no number") from None

    def _call(
        self, kind: str, header: dict[str, Any], arrays: Arrays
    ) -> tuple[dict[str, Any], Arrays]:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise Refused(f"the evaluator made more than {MAX_CALLS} calls")
        target = header.get("target", "") if kind == "call" else ""
        if kind == "call" and not (isinstance(target, str) and _TARGET.fullmatch(target)):
            raise Refused('the evaluator called what is not written as "module:function"')
        request = {"do": kind, "target": target, "value": header.get("value")}
        candidate = self._one(header)
        seconds = _seconds(header.get("seconds"))
        answer = candidate.call(request, arrays, target, seconds, self._is_over)
        self._opening = max(self._opening, candidate.opening)
        if isinstance(answer, Answer):
            self._called += answer.seconds
            value = answer.header.get("value")
            return {"ok": True, "value": value, "seconds": answer.seconds}, answer.arrays
        what = target or "the program"
        self.broken = Broken(answer.kind, one_line(f"{what}: {answer.message}"))
        return {"ok": False, "kind": answer.kind, "message": self.broken.message}, ()


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value) if value <= MAX_SECONDS else None
    raise Refused("the evaluator gave a timeout that is no number of seconds")
