"""Records in a local file that a run waits for its model, for `status` to show."""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field, ValidationError, field_validator

from agent.errors import Fault
from agent.git.home import no_link, run_folder, write_whole
from agent.project.find import Project
from agent.records.events import Event, ModelWaited
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted

FILE = "waiting.json"
MAX_CHARACTERS = 4_000


class Awaited(Record):
    """A model that the run waits for."""

    until: str = Field(max_length=MAX_CHARACTERS)
    """When the model is asked again, as ISO 8601 with its zone."""
    reason: str = Field(max_length=MAX_CHARACTERS)

    @field_validator("until")
    @classmethod
    def _is_a_moment(cls, until: str) -> str:
        if datetime.fromisoformat(until).tzinfo is None:
            raise ValueError("a moment without a zone")
        return until


class Waits:
    """Keeps the file of one session: it exists only while the session waits."""

    def __init__(self, project: Project, tag: str) -> None:
        self._project = project
        self._tag = tag

    def __enter__(self) -> Self:
        self._forget()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget()

    def hear(self, event: Event) -> None:
        """Handle an event. Errors of the disk are ignored."""
        if not isinstance(event, ModelWaited):
            return
        if not event.until:
            self._forget()
            return
        reason = redacted(event.reason)[:MAX_CHARACTERS]
        text = json.dumps({"until": event.until, "reason": reason})
        with suppress(OSError, Fault):
            path = run_folder(Path(self._project.root), self._tag, make=True) / FILE
            write_whole(path, text.encode(), lasting=False)

    def _forget(self) -> None:
        with suppress(OSError, Fault):
            _path(self._project, self._tag).unlink(missing_ok=True)


def awaited_by(project: Project, tag: str) -> Awaited | None:
    """Return what a run waits for at its model; None if it waits for nothing.

    A killed process leaves the file behind, so this holds only while a process works on the run.
    """
    try:
        with open(_path(project, tag), encoding="utf-8", opener=no_link) as file:
            return Awaited.model_validate_json(file.read(2 * MAX_CHARACTERS))
    except (OSError, Fault, ValidationError, ValueError):
        return None


def _path(project: Project, tag: str) -> Path:
    return run_folder(Path(project.root), tag) / FILE
