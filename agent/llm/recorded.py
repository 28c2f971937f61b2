"""Writes what a model was asked and what it answered to a local file, and reads it again: never needed to resume."""

import json
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from agent.errors import ModelFault
from agent.llm.model import Model, Reply, Request
from sandbox.record import Record

FILE = "transcript.jsonl"
# An exchange is looked for by its name at the beginning of a line: most lines hold a whole train.py and are passed over unread.
HEAD_CHARACTERS = 120


class Recorded:
    """`model`, with every request and its reply or fault appended to `folder`/transcript.jsonl. Keys are in neither.

    A reply says under which name it stands there.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        self.name = model.name
        self.origin: Literal["llm", "scripted"] = model.origin
        self._model, self._path = model, folder / FILE

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return self._model.estimate(request)

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        name = secrets.token_hex(6)
        self._write(name, "request", request.model_dump())
        try:
            reply = self._model.complete(request)
        except ModelFault as fault:
            self._write(name, "fault", fault.message)
            raise
        self._write(name, "reply", reply.model_dump(exclude={"exchange"}))
        return reply.model_copy(update={"exchange": name})

    def _write(self, name: str, what: str, content: Any) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": stamp, "id": name, what: content}, ensure_ascii=False)
        with suppress(OSError):  # a full disk must not cost an answer that was paid for
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line + "\n")


class Exchange(Record):
    """One question with its answer."""

    request: Request
    reply: Reply


def read_exchanges(folder: Path, names: Collection[str]) -> tuple[Exchange, ...]:
    """The exchanges in `folder` that have these names, in their order; those that are not on this machine are left out."""
    parts: dict[str, dict[str, Any]] = {name: {} for name in names}
    for line in _lines(folder / FILE):
        head = line[:HEAD_CHARACTERS]
        name = next((name for name in parts if f'"id": "{name}"' in head), None)
        if name:
            with suppress(ValueError):  # the last line of a killed process may be torn
                parts[name].update(json.loads(line))
    found = []
    for part in parts.values():
        with suppress(ValidationError):
            found.append(Exchange.model_validate({key: part.get(key) for key in ("request", "reply")}))
    return tuple(found)


def _lines(path: Path) -> Iterator[str]:
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        yield from file
