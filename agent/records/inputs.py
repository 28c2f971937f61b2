"""Inputs: what a human or an outside agent said to a running night."""

from typing import Annotated, Literal

from pydantic import Field

from agent.records.bounded import Stamp, Text
from sandbox.ground.record import Record

InputId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Input(Record):
    """One thing said to a run, admitted once by the process that works on it."""

    id: InputId
    kind: Literal["tell", "pause", "go", "skip", "bound"]
    text: Text = ""
    sender: Text = ""
    at: Stamp
    """When it was admitted, ISO 8601 UTC."""
