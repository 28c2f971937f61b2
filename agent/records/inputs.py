"""Inputs of humans and outside agents to a run, and the answers."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.records.bounded import MAX_ITEMS, Natural, Quantity, Stamp, Text, Whole
from agent.records.edits import Edit
from sandbox.ground.record import Record
from sandbox.ground.text import shortened

_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
InputId = Annotated[str, Field(pattern=_ID)]
MAX_REMARK = 4_000
"""Characters of a remark."""
MAX_NOTE = 1_000
"""Characters of a note of the researcher."""
MAX_BRIEF = 100_000
"""Characters of a program.md."""
MAX_SENDER = 200
MAX_WORKERS = 4096
SHOWN_CHARACTERS = 160
Lifted = Literal["trials", "hours", "max_cost"]


class Tell(Record):
    """An idea or a remark, which the next proposals see."""

    kind: Literal["tell"] = "tell"
    text: Text = Field(min_length=1, max_length=MAX_REMARK)
    trials: Annotated[Natural, Field(ge=1)] | None = None
    """For how many trials from now on; None for no such end."""
    until: Stamp = ""
    """Until when; empty for no such end."""


class Withdraw(Record):
    """Withdraw a remark."""

    kind: Literal["withdraw"] = "withdraw"
    number: Natural
    """The remark's number, counted from 1."""


class Try(Record):
    """Edits to be the next trial."""

    kind: Literal["try"] = "try"
    hypothesis: Text = Field(min_length=1, max_length=MAX_REMARK)
    edits: Annotated[tuple[Edit, ...], Field(min_length=1, max_length=MAX_ITEMS)]


class Pause(Record):
    """Start nothing new; the trials in training finish."""

    kind: Literal["pause"] = "pause"


class Go(Record):
    """Go on after a pause."""

    kind: Literal["go"] = "go"


class Set(Record):
    """Other bounds for the run; None leaves one as it is."""

    kind: Literal["set"] = "set"
    trials: Annotated[Natural, Field(ge=1)] | None = None
    """Measured trials of the whole run."""
    hours: Annotated[Quantity, Field(gt=0)] | None = None
    """Of a session."""
    max_cost: Quantity | None = None
    """Dollars of the whole run."""
    patience: Annotated[Natural, Field(ge=1)] | None = None
    """Trials without a keep after which a model is asked for another kind of change."""
    workers: Annotated[Natural, Field(ge=1, le=MAX_WORKERS)] | None = None
    """Trials trained at once."""
    lift: tuple[Lifted, ...] = ()
    """Bounds that no longer hold."""
    only_down: bool = False
    """A bound that would rise stays as it is: an agent's word."""

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        values = (self.trials, self.hours, self.max_cost, self.patience, self.workers)
        if not self.lift and all(value is None for value in values):
            raise ValueError("it sets nothing")
        if any(getattr(self, name) is not None for name in self.lift):
            raise ValueError("a bound is set and lifted")
        if self.only_down and (self.lift or self.patience is not None):
            raise ValueError("only bounds can be lowered")
        return self


class Brief(Record):
    """A new program.md of the run."""

    kind: Literal["brief"] = "brief"
    text: Text = Field(max_length=MAX_BRIEF)


class Skip(Record):
    """End a trial in training without a verdict on it."""

    kind: Literal["skip"] = "skip"
    number: Natural


class Hold(Record):
    """Hold what would be kept from now on, until a human decides."""

    kind: Literal["hold"] = "hold"


class Release(Record):
    """End a hold: keep what is better again."""

    kind: Literal["release"] = "release"


class Approve(Record):
    """Try a suspect or held trial again; that verdict decides."""

    kind: Literal["approve"] = "approve"
    number: Natural


class Reject(Record):
    """A suspect or held trial is not taken."""

    kind: Literal["reject"] = "reject"
    number: Natural
    because: Text = Field(default="", max_length=MAX_REMARK)


class Comment(Record):
    """A note for the record, on a trial or on the run; no proposal sees it."""

    kind: Literal["comment"] = "comment"
    text: Text = Field(min_length=1, max_length=MAX_REMARK)
    number: Natural | None = None


class Remember(Record):
    """A note of the researcher, which its later questions see; with older ones that it drops."""

    kind: Literal["remember"] = "remember"
    text: Text = Field(default="", max_length=MAX_NOTE)
    """Empty where it only drops notes."""
    drop: Annotated[tuple[Natural, ...], Field(max_length=100)] = ()
    """Numbers of notes that no longer hold."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text and not self.drop:
            raise ValueError("it neither writes nor drops a note")
        return self


class Star(Record):
    """A mark on a trial, set or taken away."""

    kind: Literal["star"] = "star"
    number: Natural
    on: bool = True


Ask = Annotated[
    Tell
    | Withdraw
    | Try
    | Pause
    | Go
    | Set
    | Brief
    | Skip
    | Hold
    | Release
    | Approve
    | Reject
    | Comment
    | Remember
    | Star,
    Field(discriminator="kind"),
]


class Input(Record):
    """An input to a run. Its id makes sure that it counts only once."""

    id: InputId
    ask: Ask
    sender: Text = Field(default="", max_length=MAX_SENDER)
    """Who: a user's name, or `mcp` and an agent's; the sender's own word."""
    sent: Stamp
    """When, ISO 8601 UTC."""


class Admitted(Record):
    """An input with its answer, as the process that works on the run recorded it."""

    input: Input
    at: Stamp
    """When it was admitted, ISO 8601 UTC."""
    accepted: bool
    why: Text = ""
    """Why it was refused, or what follows from it."""
    trials: Whole = 0
    """How many trials the ledger had then."""

    @property
    def answer(self) -> str:
        """Return `accepted: it is the next trial`, or `refused: …`."""
        word = "accepted" if self.accepted else "refused"
        return f"{word}: {self.why}" if self.why else word


def is_input_id(text: str) -> bool:
    """Return whether an input can have this id, which is also the name of a file and a ref."""
    return re.fullmatch(_ID.strip("^$"), text) is not None


def words_of(ask: Ask, limit: int = SHOWN_CHARACTERS) -> str:
    """Return an input in one line: `tell: try warmup`, `skip #5`, `set trials 20, hours 8`."""
    match ask:
        case Tell(text=text):
            return shortened(f"tell: {text}", limit)
        case Withdraw(number=number):
            return f"withdraw remark {number}"
        case Try(hypothesis=hypothesis):
            return shortened(f"try: {hypothesis}", limit)
        case Set():
            return f"set {', '.join(_bounds(ask))}"
        case Brief(text=text):
            return f"brief: a program.md of {len(text.splitlines())} lines"
        case Skip(number=number) | Approve(number=number) | Reject(number=number):
            return f"{ask.kind} #{number}"
        case Release():
            return "hold --off"
        case Comment(text=text, number=number):
            where = "" if number is None else f" on #{number}"
            return shortened(f"note{where}: {text}", limit)
        case Remember(text=text, drop=drop):
            dropped = f" (drops {', '.join(map(str, drop))})" if drop else ""
            return shortened(f"remember{dropped}: {text}", limit)
        case Star(number=number, on=on):
            return f"{'star' if on else 'no star'} on #{number}"
        case _:
            return ask.kind


def _bounds(ask: Set) -> list[str]:
    """Return what is set, as in `trials 20`."""
    parts = []
    if ask.trials is not None:
        parts.append(f"trials {ask.trials}")
    if ask.hours is not None:
        parts.append(f"hours {ask.hours:g}")
    if ask.max_cost is not None:
        parts.append(f"max-cost {ask.max_cost:g}")
    if ask.patience is not None:
        parts.append(f"patience {ask.patience}")
    if ask.workers is not None:
        parts.append(f"workers {ask.workers}")
    parts += [f"{name.replace('_', '-')} none" for name in ask.lift]
    return parts
