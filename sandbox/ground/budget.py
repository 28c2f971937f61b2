"""Bounds on a training's time: a budget that it keeps to itself, or a limit that it does not see.

A budget is passed to the training, which ends itself when it is spent. A limit is for a training
that takes no budget; it bounds the time on the harness's clock.
"""

import math
import re
from typing import Literal, Self

from pydantic import Field, model_validator

from sandbox.ground.record import Record
from sandbox.ground.text import shortened

MAX_AMOUNT = 10**12  # seconds or steps; a float holds it exactly
MAX_TIMES = 100.0
VARIABLES = ("AUTORESEARCH_BUDGET", "AUTORESEARCH_DEADLINE")
"""By which a training learns of its budget."""
SHOWN = 60
"""Characters that are shown of a text that is none."""
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


class Budget(Record):
    """A budget; its `str()`, `300s` or `200steps`, is given to train.py in AUTORESEARCH_BUDGET."""

    amount: int = Field(gt=0, le=MAX_AMOUNT)
    unit: Literal["s", "steps"] = "s"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `5m`, `20s`, `1h` or `200steps`; raise ValueError for anything else."""
        match = re.fullmatch(r"\s*(\d+)\s*([a-z]*)\s*", text.lower())
        if match and int(match[1]):
            amount = int(match[1])
            unit = match[2] or "s"
            if unit in ("step", "steps"):
                return cls(amount=amount, unit="steps")
            if unit in _UNITS:
                return cls(amount=amount * _UNITS[unit])
        shown = shortened(text, SHOWN)
        raise ValueError(f"not a budget: {shown!r} (write 5m, 20s, 1h or 200steps)")

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


class Limit(Record):
    """How long a training may take that ends by itself: a multiple of the baseline's time, or a
    duration. Its `str()` is `1.1x` or `90s`."""

    times: float | None = Field(default=None, ge=1, le=MAX_TIMES)
    """Of the time that the baseline takes."""
    duration: int | None = Field(default=None, gt=0, le=MAX_AMOUNT)
    """Seconds."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.times is None) == (self.duration is None):
            raise ValueError("a limit is either a multiple or a duration")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.1x`, `90s`, `5m` or `1h`; raise ValueError for anything else."""
        match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-z]*)\s*", text.lower(), re.ASCII)
        if match:
            number = float(match[1])
            if match[2] == "x" and 1 <= number <= MAX_TIMES:
                return cls(times=number)
            if match[2] in _UNITS and 0 < number * _UNITS[match[2]] <= MAX_AMOUNT:
                return cls(duration=math.ceil(number * _UNITS[match[2]]))
        raise ValueError(
            f"not a limit: {shortened(text, SHOWN)!r} "
            "(write 1.1x, of the baseline's time, or a duration such as 90s)"
        )

    def __str__(self) -> str:
        return f"{self.times:g}x" if self.times is not None else f"{self.duration}s"


USUAL_LIMIT = Limit(times=1.1)


def allowance_text(budget: Budget | None, limit: Limit | None) -> str:
    """Return `300s`, a budget, or `limit 1.1x` where there is none."""
    return f"limit {limit}" if budget is None else str(budget)
