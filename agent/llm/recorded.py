"""Writes questions and answers to a local file, and reads them; a resume does not need it."""

import json
import secrets
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from agent.errors import ModelFault
from agent.git.home import no_link
from agent.llm.model import CalledOff, LooksBy, Model, Reply, Request, Turn, looks_by
from agent.records.bounded import finite
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted, redacted_data

FILE = "transcript.jsonl"
# An exchange is found by its name at the beginning of a line: most lines hold a whole train.py and
# are skipped unread.
MAX_LINE = 1 << 26
"""Characters of a line that are read at once."""
HEAD_CHARACTERS = 120
# How half a surrogate pair is written.
ESCAPED = "backslashreplace"


class Recorded:
    """A model whose requests, replies and faults are appended to `folder`/transcript.jsonl.

    Secrets are removed from the question before it is asked and written. A reply has its name in
    the transcript.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        self.origin: Literal["llm", "scripted"] = model.origin
        self._model = model
        self._path = folder / FILE
        self._lock = threading.Lock()  # several writers ask at the same time

    @property
    def name(self) -> str:
        """See Model; it may change once, from an alias to the full name."""
        return self._model.name

    @property
    def looks(self) -> LooksBy:
        """See `looks_by`."""
        return looks_by(self._model)

    def estimate(self, request: Request) -> float | None:
        """See Model."""
        return self._model.estimate(request)

    def complete(self, request: Request) -> Reply:
        """Ask once; see Model."""
        request = without_secrets(request)
        name = secrets.token_hex(6)
        self._write(name, "request", _short(request).model_dump())
        try:
            reply = self._model.complete(request)
        except ModelFault as fault:
            self._write(name, "fault", fault.message)
            if isinstance(fault, CalledOff):
                fault.reply = fault.reply.model_copy(update={"exchange": name})
            raise
        finally:
            if request.door and request.door.shown:
                self._write(name, "looked", request.door.shown)
        self._write(name, "reply", reply.model_dump(exclude={"exchange"}))
        return reply.model_copy(update={"exchange": name})

    def _write(self, name: str, part: str, content: Any) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"at": stamp, "id": name, part: redacted_data(content)}
        line = json.dumps(entry, ensure_ascii=False)
        with self._lock, suppress(OSError):  # a full disk must not cost an answer that was paid for
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "a", encoding="utf-8", errors=ESCAPED, opener=no_link) as file:
                file.write(line + "\n")


def without_secrets(request: Request) -> Request:
    """Return the question without secrets of this environment and what looks like a key."""
    blocks = tuple(redacted(block) for block in request.blocks)
    turns = tuple(map(_without_secrets, request.turns))
    changed = {
        "system": redacted(request.system),
        "blocks": blocks,
        "turns": turns,
        "closing": redacted(request.closing),
    }
    return request.model_copy(update=changed)


def _without_secrets(turn: Turn) -> Turn:
    results = tuple(redacted(result) for result in turn.results)
    return turn.model_copy(update={"results": results})


def _short(request: Request) -> Request:
    """Return the part of a question to write: in a conversation, what is new in it."""
    if not request.turns or not request.turns[0].exchange:
        return request
    same = f"(as in the exchange {request.turns[0].exchange})"
    changed = {"system": same, "blocks": (same,), "tools": (), "turns": request.turns[-1:]}
    return request.model_copy(update=changed)


class Exchange(Record):
    """One question with its answer."""

    request: Request
    reply: Reply
    looked: tuple[dict[str, Any], ...] = ()
    """A command's calls at a door: the tool, its arguments and its answer."""


def read_exchanges(folder: Path, names: Collection[str]) -> tuple[Exchange, ...]:
    """Return the exchanges with these names, in this order; missing ones are left out."""
    parts: dict[str, dict[str, Any]] = {name: {} for name in names}
    for line in _lines(folder / FILE):
        head = line[:HEAD_CHARACTERS]
        name = next((name for name in parts if f'"id": "{name}"' in head), None)
        if name:
            # The last line of a killed process may be torn, and a received file anybody's.
            with suppress(ValueError, TypeError, RecursionError):
                parts[name].update(json.loads(finite(line)))
    exchanges = []
    for part in parts.values():
        both = {"request": part.get("request"), "reply": part.get("reply")}
        both["looked"] = part.get("looked", ())
        with suppress(ValidationError):
            exchanges.append(Exchange.model_validate(both))
    return tuple(exchanges)


def _lines(path: Path) -> Iterator[str]:
    with suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=no_link) as file:
        while line := file.readline(MAX_LINE):
            yield line
