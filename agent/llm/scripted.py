"""A model that reads its answers from a file or a list, for demonstrations and tests."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelFault, ModelUnavailable
from agent.llm.model import Call, LooksBy, Reply, Request

# Keys of a line that describe the answer; the others are the tool's arguments.
ABOUT = frozenset(
    {"text", "seconds", "input_tokens", "cached_tokens", "output_tokens", "cost", "cut_off"}
)
LOOK = "look"
"""The key of a line that calls a tool; its value is the tool's name."""
WITHOUT = "autoresearch start --model none"


class Scripted:
    """Answers question `index` with `answers[index]`, so a resumed run continues where it was.

    An answer is a JSON object: the tool's arguments (`hypothesis`, `edits`, …), or `text` for an
    answer in prose. `seconds` makes it slow; `input_tokens`, `output_tokens` and `cost` are
    recorded as they are. `look` makes it look something up before it answers with the next line:
    `{"look": "trial", "arguments": {"number": 3}}`.
    """

    origin: Literal["scripted"] = "scripted"
    looks: LooksBy = "calls"

    def __init__(
        self,
        answers: Sequence[dict[str, Any]],
        cancel: threading.Event | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self._answers = tuple(answers)
        self._cancel = cancel or threading.Event()

    @classmethod
    def read(cls, path: Path, cancel: threading.Event | None = None) -> "Scripted":
        """Return the model of a JSONL file, one answer a line; raise ModelFault for a bad line."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelFault(f"cannot read the script {path}: {error}", WITHOUT) from None
        answers = [
            _answer(path, number, line) for number, line in enumerate(lines, 1) if line.strip()
        ]
        return cls(answers, cancel, f"scripted:{path}")

    def estimate(self, request: Request) -> float | None:
        """Return the cost that the answer will have."""
        if request.index >= len(self._answers):
            return None
        cost = self._answers[request.index].get("cost")
        return None if cost is None else float(cost)

    def complete(self, request: Request) -> Reply:
        """Return the answer to question `request.index`; raise ModelFault after the last one."""
        count = len(self._answers)
        if request.index >= count:
            raise ModelFault(
                f"{self.name} has {count} answers, and all are given", "autoresearch log"
            )
        began = time.monotonic()
        answer = self._answers[request.index]
        if self._cancel.wait(float(answer.get("seconds", 0))):
            raise ModelUnavailable("the request was cancelled", "autoresearch resume")
        about = {key: value for key, value in answer.items() if key in ABOUT}
        arguments = {key: value for key, value in answer.items() if key not in ABOUT}
        about["seconds"] = time.monotonic() - began
        if LOOK in answer:
            given = answer.get("arguments") or {}
            call = Call(id=f"look_{request.index}", name=str(answer[LOOK]), arguments=given)
            return Reply(model=self.name, calls=(call,), **about)
        return Reply(model=self.name, arguments=arguments or None, **about)


def _answer(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ModelFault(f"{path}, line {number} is not a JSON object", WITHOUT)
    return answer
