"""The number that a run prints (Metric), and the result of reading it (Reading, NotRead)."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from sandbox.ground.record import Record
from sandbox.ground.text import is_plain
from sandbox.score.pattern import Pattern

MAX_NAME = 100
MAX_METRICS = 32

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class Metric(Record):
    """A number that a run prints, with the bounds that the owner states."""

    name: Name
    """As it is printed: `val_acc`, `Test accuracy`, or the path of a JSON key, `eval.acc`."""
    pattern: str | None = None
    """A regular expression with one group, or one called `value`, searched in each line."""
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    strict: bool = False
    """Whether the bounds themselves are outside."""
    also: Annotated[tuple[Name, ...], Field(max_length=MAX_METRICS)] = ()
    """Other metrics that are recorded with it."""
    required: Annotated[tuple[Name, ...], Field(max_length=MAX_METRICS)] = ()
    """Those of `also` that a run must print, or it has failed."""

    @field_validator("name", "also", "required")
    @classmethod
    def _plain(cls, names: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (names,) if isinstance(names, str) else names:
            if not is_plain(name) or name != name.strip():
                raise ValueError(f"a metric's name is one line of plain text, unlike {name!a}")
        return names

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            Pattern.compile(pattern)
        return pattern

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"the bounds {self.low:g} and {self.high:g} are in the wrong order")
        if not set(self.required) <= set(self.also):
            raise ValueError(f"{self.required} are required, and only {self.also} are read")
        return self

    def outside(self, value: float) -> bool:
        """Return whether a value breaks the bounds."""
        if self.strict and value in (self.low, self.high):
            return True
        too_low = self.low is not None and value < self.low
        return too_low or (self.high is not None and value > self.high)

    def bounds(self) -> str:
        """Return the bounds in words."""
        kind = "strictly " if self.strict else ""
        if self.low is None:
            return f"{kind}below {self.high:g}"
        if self.high is None:
            return f"{kind}above {self.low:g}"
        return f"{kind}between {self.low:g} and {self.high:g}"


BITS_PER_BYTE = Metric(name="val_bpb", low=0.0, high=100.0, strict=True)
"""8 is knowing nothing; scripts print 0.0 or 100.0 for a failure."""


class Reading(Record):
    """The number that a run printed last."""

    value: FiniteFloat
    unit: str = ""
    """As printed behind the number, `%` or `ms` say, and not part of the value."""
    line: str
    """What it was read from, in one printable line."""
    blocks: int = Field(default=0, ge=0)
    """How many summaries, each behind a line `---`, had it: more than one is suspect."""
    times: int = Field(default=1, ge=1)
    """How many lines had it."""
    also: dict[str, FiniteFloat] = {}
    units: dict[str, str] = {}
    """What was printed behind each of `also`, as behind the value."""


class NotRead(Record):
    """Why a run that ended has no number."""

    status: Literal["crash", "invalid"]
    reason: str
    """In one printable line; quotes the line that nearly fits."""
