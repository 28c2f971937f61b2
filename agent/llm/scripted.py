"""A model that reads its answers from a file or a list: demonstrations and tests of the whole loop without a key."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelFault, ModelUnavailable
from agent.llm.model import Reply, Request

# What a line may say of the answer besides the proposal itself.
ABOUT = frozenset(
    {"text", "seconds", "input_tokens", "cached_tokens", "output_tokens", "cost", "cut_off"}
)


class Scripted:
    """Answers question `index` with `answers[index]`, so that a resumed run goes on where it was.

    An answer is a JSON object: the tool's arguments (`hypothesis`, `edits`, …), or `text` for an answer in prose; `seconds`
    makes it slow, `input_tokens`, `output_tokens` and `cost` are booked as they stand.
    """

    origin: Literal["scripted"] = "scripted"

    def __init__(
        self,
        answers: Sequence[dict[str, Any]],
        cancel: threading.Event | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self._answers, self._cancel = tuple(answers), cancel or threading.Event()

    @classmethod
    def read(cls, path: Path, cancel: threading.Event | None = None) -> "Scripted":
        """The model of a JSONL file, one answer a line. ModelFault names the line that is not one."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelFault(
                f"cannot read the script {path}: {error}", "autoresearch start --model none"
            ) from None
        answers = [
            _answer(path, number, line) for number, line in enumerate(lines, 1) if line.strip()
        ]
        return cls(answers, cancel, f"scripted:{path}")

    def estimate(self, request: Request) -> float | None:
        """What the answer will be booked at."""
        answer = self._answers[request.index] if request.index < len(self._answers) else {}
        cost = answer.get("cost")
        return float(cost) if cost is not None else None

    def complete(self, request: Request) -> Reply:
        """The answer to question `request.index`; ModelFault behind the last one."""
        if request.index >= len(self._answers):
            raise ModelFault(
                f"{self.name} has {len(self._answers)} answers, and all are given",
                "autoresearch log",
            )
        began, answer = time.monotonic(), self._answers[request.index]
        if self._cancel.wait(float(answer.get("seconds", 0))):
            raise ModelUnavailable("the request was called off", "autoresearch resume")
        about = {key: value for key, value in answer.items() if key in ABOUT}
        arguments = {key: value for key, value in answer.items() if key not in ABOUT}
        about["seconds"] = time.monotonic() - began
        return Reply(model=self.name, arguments=arguments or None, **about)


def _answer(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ModelFault(
            f"{path}, line {number} is not a JSON object", "autoresearch start --model none"
        )
    return answer
