"""A trial's training budget: seconds on the harness's clock, or optimiser steps."""

import re
from typing import Literal, Self

from pydantic import Field

from sandbox.ground.record import Record

# Seconds or steps; more is no budget, and a float holds it.
MAX_AMOUNT = 10**12
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


class Budget(Record):
    """`amount` in `unit`; `str()` is what train.py finds in AUTORESEARCH_BUDGET: `300s` or `200steps`."""

    amount: int = Field(gt=0, le=MAX_AMOUNT)
    unit: Literal["s", "steps"] = "s"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `5m`, `20s`, `1h` or `200steps`; ValueError names what is accepted."""
        match = re.fullmatch(r"\s*(\d+)\s*([a-z]*)\s*", text.lower())
        amount, unit = (int(match[1]), match[2] or "s") if match else (0, "")
        if amount and unit in ("step", "steps"):
            return cls(amount=amount, unit="steps")
        if amount and unit in _UNITS:
            return cls(amount=amount * _UNITS[unit])
        raise ValueError(f"not a budget: {text!r} (write 5m, 20s, 1h or 200steps)")

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"
