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
from agent.git.home import no_link
from agent.llm.model import Model, Reply, Request
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted, redacted_data

FILE = "transcript.jsonl"
# An exchange is looked for by its name at the beginning of a line: most lines hold a whole train.py and are passed over unread.
HEAD_CHARACTERS = 120


class Recorded:
    """`model`, with every request and its reply or fault appended to `folder`/transcript.jsonl.

    The model is asked without the secrets that the question may hold, and none stands in the file.
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
        request = without_secrets(request)
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
        line = json.dumps(
            {"at": stamp, "id": name, what: redacted_data(content)}, ensure_ascii=False
        )
        with suppress(OSError):  # a full disk must not cost an answer that was paid for
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(
                self._path, "a", encoding="utf-8", errors="backslashreplace", opener=no_link
            ) as file:
                file.write(line + "\n")


def without_secrets(request: Request) -> Request:
    """Return the question as a model gets it: nothing in it is a secret of this process's environment, or looks like a key."""
    return request.model_copy(
        update={"system": redacted(request.system), "blocks": tuple(map(redacted, request.blocks))}
    )


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
            found.append(
                Exchange.model_validate({key: part.get(key) for key in ("request", "reply")})
            )
    return tuple(found)


def _lines(path: Path) -> Iterator[str]:
    with suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=no_link) as file:
        yield from file
