"""Openings of the test split, each recorded by a commit before anything is read."""

from typing import Annotated, Literal

from pydantic import Field

from agent.records.bounded import Stamp, Text, Whole
from sandbox.ground.record import Record


class Opening(Record):
    """One opening of the test split."""

    number: Annotated[Whole, Field(ge=1)]
    """Which time it is, from 1."""
    command: Literal["replicate", "finalize"]
    states: Text = ""
    """What was to be measured, in words."""
    at: Stamp
    """When, ISO 8601 UTC."""
