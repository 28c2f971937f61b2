"""Reads sizes, budgets and limits as people write them."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from sandbox.ground.budget import Budget, Limit

_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def size_in_bytes(value: Any) -> Any:
    """Return `8GiB` or `500MB` in bytes, and anything but text as it is; raise ValueError."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", value.lower(), re.ASCII)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"not a size: {value!r} (write 8GiB or 500MB)")
    return int(Decimal(match[1]) * _UNITS[match[2]])


def _budget(value: Any) -> Any:
    return Budget.parse(value) if isinstance(value, str) else value


def _limit(value: Any) -> Any:
    return Limit.parse(value) if isinstance(value, str) else value


BudgetText = Annotated[Budget | None, BeforeValidator(_budget)]
LimitText = Annotated[Limit | None, BeforeValidator(_limit)]
