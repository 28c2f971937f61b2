"""The run as JSON lines, one per event, for programs that listen; the form is stable."""

import json
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.text import Text

from agent.records.events import Event
from sandbox.ground.record import Record


class LinesDisplay:
    """Writes each event as one ASCII line: `{"event": "Judged", "trial": {...}}`.

    The fields are those of agent/records/events.py.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def handle(self, event: Event) -> None:
        """Write `event`."""
        data = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
        line = json.dumps({"event": type(event).__name__} | data)
        self._console.print(Text(line), soft_wrap=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value
