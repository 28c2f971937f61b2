"""Guards, which are conditions on further metrics that a keep must meet, and their results."""

import re
from math import isfinite
from typing import Any, Literal

from pydantic import Field, FiniteFloat, field_validator, model_serializer, model_validator

from agent.errors import near_names
from agent.records.bounded import Derived, Natural, Real
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain

BASELINE = "baseline"
FORMS = "write `latency_ms <= 30` or `val_loss <= baseline + 0.01`"
MAX_GUARDS = 16
MAX_TEXT = 300
_NAME_CHARACTERS = 100
_SIDES = re.compile(r"(?P<name>[^<>=]{1,200}?)\s*(?P<sign>[<>=!]{1,3})\s*(?P<rest>[^<>=]{1,100})")
_RELATIVE = re.compile(r"(?P<word>[A-Za-z_]{1,40})(?:\s*(?P<sign>[-+])\s*(?P<margin>\S{1,40}))?")

Sign = Literal["<=", ">="]
Finding = Literal["inside", "outside", "undecided"]


class Guard(Record):
    """A limit on a metric: a number, or the run's first baseline with a margin.

    In files and records it is text, such as `val_loss <= baseline + 0.01`.
    """

    metric: str = Field(min_length=1, max_length=_NAME_CHARACTERS)
    sign: Sign
    limit: Real | None = None
    """None where the limit is the baseline's value and a margin."""
    margin: Real = Field(default=0.0, ge=0)
    """How much worse than the baseline is allowed, without its sign."""
    in_percent: bool = False
    """The margin is a share of the baseline's value, in percent."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return _parsed(value) if isinstance(value, str) else value

    @model_serializer(mode="plain")
    def _as_text(self) -> str:
        return str(self)

    @field_validator("metric")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not is_plain(name) or name != name.strip():
            raise ValueError(f"a metric's name is one line of plain text, unlike {name!a}")
        return name

    @property
    def is_relative(self) -> bool:
        """Whether the limit depends on the run's first baseline."""
        return self.limit is None

    def loss(self, value: float) -> float:
        """Return a value as a loss: more is closer to the limit, or further beyond it."""
        return value if self.sign == "<=" else -value

    def allowed(self, baseline: float) -> float:
        """Return how much worse than a baseline of this value is allowed."""
        return abs(baseline) * self.margin / 100 if self.in_percent else self.margin

    def __str__(self) -> str:
        if self.limit is not None:
            return f"{self.metric} {self.sign} {_number(self.limit)}"
        if not self.margin:
            return f"{self.metric} {self.sign} {BASELINE}"
        way = "+" if self.sign == "<=" else "-"
        unit = "%" if self.in_percent else ""
        return f"{self.metric} {self.sign} {BASELINE} {way} {_number(self.margin)}{unit}"


class GuardResult(Record):
    """What the runs of one attempt say of one guard.

    excess and its bounds are distances to the limit in units of the metric; positive is beyond it.
    """

    guard: Guard
    finding: Finding
    value: Derived
    """Mean of the attempt's runs."""
    excess: Derived
    """Estimate: of the mean to the limit."""
    low: Derived | None = None
    """Lower 95 % bound of the excess; None while the noise of the metric is not known."""
    high: Derived | None = None
    """Upper 95 % bound: a keep needs it at or below zero."""
    runs: Natural

    def __str__(self) -> str:
        return f"{self.guard}: {self.words}"

    @property
    def words(self) -> str:
        """`latency_ms 41.2 over 2 runs, 11.2 beyond (at least 9.8)`, without the guard itself."""
        runs = f"{self.runs} run{'s' if self.runs != 1 else ''}"
        where = "beyond" if self.excess > 0 else "inside"
        text = f"{self.guard.metric} {self.value:.6g} over {runs}, {abs(self.excess):.3g} {where}"
        if self.low is None or self.high is None or self.low == self.high:
            return text
        if self.finding == "outside":
            return f"{text} (at least {self.low:.3g})"
        end = f"{abs(self.high):.3g} {'beyond' if self.high > 0 else 'inside'}"
        return f"{text} (at worst {end})"


class Check(Record):
    """A command that ran after an attempt's training, in a sandbox of its own."""

    command: str = Field(max_length=4096)
    passed: bool
    reason: str = Field(default="", max_length=2_000)
    """How it failed, in one line."""
    tail: str = Field(default="", max_length=2_000)
    """The end of what it printed, escaped, where it failed."""
    seconds: FiniteFloat = Field(default=0.0, ge=0, le=1e9)


class Checks(Record):
    """The checks of one attempt, up to the first that failed."""

    checks: tuple[Check, ...] = Field(max_length=64)


def _parsed(text: str) -> dict[str, Any]:
    """Return the fields of a guard as it is written; raise ValueError."""
    shown = ascii(text[:80])
    match = _SIDES.fullmatch(text.strip()) if len(text) <= MAX_TEXT else None
    if match is None:
        raise ValueError(f"not a guard: {shown} ({FORMS})")
    name = match["name"].strip()
    rest = match["rest"].strip()
    if match["sign"] not in ("<=", ">="):
        direction = ">=" if ">" in match["sign"] else "<="
        raise ValueError(f"{shown}: a limit is inclusive; write `{name} {direction} {rest}`")
    fields = {"metric": name, "sign": match["sign"]}
    number = _read_number(rest)
    return fields | ({"limit": number} if number is not None else _relative(rest, match["sign"]))


def _relative(rest: str, sign: str) -> dict[str, Any]:
    """Return the fields of `baseline + 0.01`; raise ValueError."""
    if rest.endswith("%") and _read_number(rest[:-1]) is not None:
        raise ValueError(f"{rest!a}: write the number alone, as a unit is no part of a value")
    match = _RELATIVE.fullmatch(rest)
    if match is None:
        raise ValueError(f"{rest!a} is no limit ({FORMS})")
    if match["word"] != BASELINE:
        near = near_names(match["word"], [BASELINE])
        hint = f"Did you mean {near[0]!r}?" if near else FORMS
        raise ValueError(f"Unknown word {match['word']!r} in a limit. {hint}")
    if match["margin"] is None:
        return {}
    in_percent = match["margin"].endswith("%")
    margin = _read_number(match["margin"].removesuffix("%"))
    if margin is None or margin < 0:
        raise ValueError(f"{match['margin']!a} is no margin ({FORMS})")
    loose = "+" if sign == "<=" else "-"
    if match["sign"] != loose and margin:
        raise ValueError(
            f"a limit better than the baseline, which the baseline itself breaks: "
            f"write `{sign} {BASELINE} {loose} {match['margin']}`"
        )
    return {"margin": margin, "in_percent": in_percent}


def _read_number(text: str) -> float | None:
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if isfinite(number) else None


def _number(value: float) -> str:
    """Return a number so that it reads back as the same."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
