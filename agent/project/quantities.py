"""Reads sizes, budgets and limits as people write them."""

import json
import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from sandbox.ground.budget import Budget, Limit

_SHOWN = 60
_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def size_in_bytes(value: Any) -> Any:
    """Return `8GiB` or `500MB` in bytes, and anything but text as it is; raise ValueError."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", value.lower(), re.ASCII)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"not a size: {value!r} (write 8GiB or 500MB)")
    return int(Decimal(match[1]) * _UNITS[match[2]])


def _refuse_switch(value: Any) -> None:
    if isinstance(value, bool):
        raise ValueError('must be a text with a unit, such as "300s"')


def _budget(value: Any) -> Any:
    _refuse_switch(value)
    if isinstance(value, int | float):
        raise ValueError(f'{value} has no unit: write "{value}s" or "{value}steps"')
    return Budget.parse(value) if isinstance(value, str) else value


def _limit(value: Any) -> Any:
    _refuse_switch(value)
    if isinstance(value, int | float):
        raise ValueError(
            f'{value} has no unit: write "{value}s", or "1.1x" of the baseline\'s time'
        )
    return Limit.parse(value) if isinstance(value, str) else value


_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
}
"""Types of pydantic's errors, whose messages speak of integers and of parsing."""


def as_it_is_written(kind: str, value: Any) -> str | None:
    """Return how a value of the wrong type is to be written; None where that is not plain.

    kind: the type of pydantic's error.
    """
    if kind == "tuple_type" and isinstance(value, str):
        return f"must be a list: write [{_quoted(value)}]"
    if kind in _WORDS:
        return _WORDS[kind]
    if kind != "string_type":
        return None
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return f"must be one text: write {_quoted(' '.join(value))}"
    if isinstance(value, list) and len(value) == 2:
        return f'must be a text: write "{value[0]} .. {value[1]}"'
    return None


def _quoted(text: str) -> str:
    return json.dumps(text[:_SHOWN])


BudgetText = Annotated[Budget | None, BeforeValidator(_budget)]
LimitText = Annotated[Limit | None, BeforeValidator(_limit)]
