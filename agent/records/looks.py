"""The tool calls of a proposer before its proposal, and their bounds."""

from typing import Annotated

from pydantic import Field, FiniteFloat

from agent.records.bounded import Natural, Quantity, Text
from sandbox.ground.record import Record

MAX_LOOKED = 200
"""Looks that a proposal records."""
MAX_ARGUMENTS = 300
"""Characters of a look's arguments that are recorded."""


class Looked(Record):
    """One tool call with its arguments, without the answer."""

    tool: Annotated[Text, Field(max_length=100)]
    arguments: Annotated[Text, Field(max_length=MAX_ARGUMENTS)] = ""
    """As JSON, shortened."""
    seconds: Quantity = 0.0
    """That a probe ran."""

    def __str__(self) -> str:
        return f"{self.tool} {self.arguments}".strip()


Looks = Annotated[tuple[Looked, ...], Field(max_length=MAX_LOOKED)]


class LookBounds(Record):
    """The bounds on a model's tool calls before each proposal."""

    on: bool = True
    """Whether it may look at anything; --look and --no-look count before it."""
    memory: bool = True
    """Whether rationales and alternatives of its earlier answers come back."""
    turns: Annotated[Natural, Field(le=50)] = 8
    """Answers of the model that look something up."""
    tokens: Annotated[Natural, Field(le=2_000_000)] = 40_000
    """Of what is shown to it, estimated."""
    dollars: Annotated[FiniteFloat, Field(ge=0, le=1000)] = 1.0
    """That its answers may cost in all."""
    seconds: Annotated[FiniteFloat, Field(gt=0, le=86_400)] = 300.0
    """From its first question on."""
    wait: Annotated[FiniteFloat, Field(ge=0, le=86_400)] = 10.0
    """That a slot may be free and wait for the proposal meanwhile; longer than the optimiser needs
    to fill it (agent/run/drafting.py)."""
    probes: Annotated[Natural, Field(le=20)] = 1
    """Short runs of code that it may ask for."""
    probe_seconds: Annotated[FiniteFloat, Field(gt=0, le=3_600)] = 60.0
    """That each of them may take."""
