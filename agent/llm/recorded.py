"""Writes what a model was asked and what it answered to a local file: for the curious, never needed to resume."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelFault
from agent.llm.model import Model, Reply, Request


class Recorded:
    """`model`, with every request and its reply or fault appended to `folder`/transcript.jsonl. Keys are in neither."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.name = model.name
        self.origin: Literal["llm", "scripted"] = model.origin
        self._model, self._path = model, folder / "transcript.jsonl"

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return self._model.estimate(request)

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        self._write("request", request.model_dump())
        try:
            reply = self._model.complete(request)
        except ModelFault as fault:
            self._write("fault", fault.message)
            raise
        self._write("reply", reply.model_dump())
        return reply

    def _write(self, what: str, content: Any) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), what: content}, ensure_ascii=False)
        with suppress(OSError):  # a full disk must not cost an answer that was paid for
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line + "\n")
