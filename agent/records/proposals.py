"""Proposals: the edits of a trial, the hypothesis behind them, and who proposed them at what price."""

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
from sandbox.ground.record import Record

# ---------------------------------------------------------------- proposals

Value = Annotated[bool | int | float | str, BeforeValidator(small_enough)]
Configuration = Annotated[dict[str, Value], Field(max_length=MAX_ITEMS)]
"""The searchable constants of a train.py by name, as Python values."""


Exploration = Literal["bolder", "combine", "undo", "remove"]
EXPLORATIONS: tuple[Exploration, ...] = ("bolder", "combine", "undo", "remove")


class Asked(Record):
    """What a proposal was asked to be, where a run had kept nothing for `after` trials. trials: those that were named to it."""

    kind: Exploration
    trials: Annotated[tuple[Whole, ...], Field(max_length=MAX_ITEMS)] = ()
    after: Natural

    def __str__(self) -> str:
        named = f" {' and '.join(f'#{number}' for number in self.trials)}" if self.trials else ""
        return f"{self.kind}{named} ({self.after} trials without a keep)"


class Provenance(Record):
    """Who proposed, with what, and at what price. cost in US dollars, None where the price is not known.

    input_tokens: cached_tokens included. calls: questions put to a model. refused: drafts among its answers that were sent
    back to it before this one.
    """

    method: Text
    origin: Literal["baseline", "search", "llm", "scripted", "replay", "human", "adopted"]
    model: Text | None = None
    input_tokens: Natural = 0
    cached_tokens: Natural = 0
    output_tokens: Natural = 0
    cost: Quantity | None = None
    seconds: Quantity = 0.0
    calls: Natural = 0
    refused: Natural = 0
    replays: Whole | None = None
    """The number of the trial whose edits this proposal repeats on a newer tip."""
    repairs: Whole | None = None
    """The number of the failed trial that this proposal mends."""
    asked: Asked | None = None
    """What kind of change was asked for, where it was not just the next one."""
    exchanges: Annotated[tuple[str, ...], Field(max_length=MAX_ITEMS)] = ()
    """Names of the questions put to a model, in the transcript of the machine that asked."""


class Proposal(Record):
    """Typed edits to train.py with the hypothesis behind them; `hypothesis` is one line, `rationale` may be more.

    expected: the change of val_bpb that the proposer predicts, where it did; negative is better.
    """

    hypothesis: Text = Field(min_length=1)
    rationale: Text = ""
    expected: Derived | None = None
    edits: Annotated[tuple[Edit, ...], Field(max_length=MAX_ITEMS)] = ()
    by: Provenance
    then: Annotated[tuple[Configuration, ...], Field(max_length=MAX_ITEMS)] = ()
    """What else was in the same reply, to be proposed next without asking again (a batch)."""
