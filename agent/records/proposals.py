"""Proposals: edits, the hypothesis behind them, and who proposed them at what price."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from agent.records.bounded import (
    MAX_ITEMS,
    Derived,
    Natural,
    Quantity,
    Text,
    Whole,
    small_enough,
)
from agent.records.edits import Edit
from agent.records.inputs import InputId
from agent.records.looks import Looks
from sandbox.ground.record import Record

Value = Annotated[bool | int | float | str, BeforeValidator(small_enough)]
Configuration = Annotated[dict[str, Value], Field(max_length=MAX_ITEMS)]
"""The searchable constants of a train.py by name, as Python values."""


Assignment = Literal["exploit", "bolder", "combine", "simplify", "constants"]
ASSIGNMENTS: tuple[Assignment, ...] = ("exploit", "bolder", "combine", "simplify", "constants")
"""What one of several writers is to look for."""
Exploration = Literal["bolder", "combine", "undo", "remove"]
EXPLORATIONS: tuple[Exploration, ...] = ("bolder", "combine", "undo", "remove")


class Asked(Record):
    """The kind of change that a proposal was asked for during a plateau."""

    kind: Exploration
    trials: Annotated[tuple[Whole, ...], Field(max_length=MAX_ITEMS)] = ()
    """Numbers of the trials that the request named."""
    after: Natural
    """How many trials the run had made without a keep."""

    def __str__(self) -> str:
        numbers = " and ".join(f"#{number}" for number in self.trials)
        named = f" {numbers}" if numbers else ""
        return f"{self.kind}{named} ({self.after} trials without a keep)"


class Provenance(Record):
    """Who proposed, with what, and at what price."""

    method: Text
    origin: Literal["baseline", "search", "llm", "scripted", "replay", "human", "adopted"]
    model: Text | None = None
    input_tokens: Natural = 0
    """Cached tokens included."""
    cached_tokens: Natural = 0
    output_tokens: Natural = 0
    cost: Quantity | None = None
    """US dollars; None if the price is unknown."""
    called_off: bool = False
    """Whether an answer was called off after it had begun: its tokens and cost are lower bounds."""
    seconds: Quantity = 0.0
    calls: Natural = 0
    """Requests sent to a model."""
    refused: Natural = 0
    """Drafts in its replies that were sent back to it before this one."""
    replays: Whole | None = None
    """Number of the trial whose edits this proposal repeats on a newer tip."""
    repairs: Whole | None = None
    """Number of the failed trial that this proposal mends."""
    mend_asked: Whole | None = None
    """Number of the failed trial that this proposal was asked to mend, whatever it does."""
    adopts: Text | None = None
    """The trial of another run whose edits this proposal repeats: `nov25#4`."""
    asked: Asked | None = None
    """The kind of change asked for; None for just the next one."""
    assigned: Assignment | None = None
    """What it was to look for, as one of several writers."""
    exchanges: Annotated[tuple[str, ...], Field(max_length=MAX_ITEMS)] = ()
    """Names of the requests to a model, in the transcript of the machine that sent them."""
    inputs: Annotated[tuple[InputId, ...], Field(max_length=MAX_ITEMS)] = ()
    """Ids of the inputs that the proposer knew."""
    looked: Looks = ()
    """What the model looked at before it proposed."""


class Proposal(Record):
    """Typed edits with the hypothesis behind them."""

    hypothesis: Text = Field(min_length=1)
    """One line."""
    rationale: Text = ""
    expected: Derived | None = None
    """The change of val_bpb that the proposer predicts; negative is better."""
    edits: Annotated[tuple[Edit, ...], Field(max_length=MAX_ITEMS)] = ()
    by: Provenance
    alternatives: Annotated[tuple[Text, ...], Field(max_length=MAX_ITEMS)] = ()
    """Hypotheses of the same reply that were not tried."""
    then: Annotated[tuple[Configuration, ...], Field(max_length=MAX_ITEMS)] = ()
    """The rest of the same reply, proposed next without asking again (a batch)."""

    @property
    def is_baseline(self) -> bool:
        """Whether it changes nothing: its runs measure the code as it is."""
        return self.by.origin == "baseline"
