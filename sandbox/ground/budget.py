"""A trial's training budget: seconds on the harness's clock, or optimiser steps."""

import re
from typing import Literal, Self

from pydantic import Field

from sandbox.ground.record import Record

MAX_AMOUNT = 10**12  # seconds or steps; a float holds it exactly
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
        raise ValueError(f"not a budget: {text!r} (write 5m, 20s, 1h or 200steps)")

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"
