"""The types of numbers, times, counts and text in records.

Their bounds make arithmetic safe on any record, since a branch may come from somebody else.
"""

from datetime import datetime
from typing import Annotated, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, ValidationError

MAX_WHOLE = 2**63 - 1
# No collection in an honest record comes near: a train.py with as many constants, a trial of
# as many runs.
MAX_ITEMS = 100_000
# Of JSON. Git packs a thousand bytes of `[],[],…` into one, and each takes 50 in memory; in honest
# JSON hardly any are not in texts, such as new code.
MAX_PARTS = 2_000_000
# What is measured, and what is computed of it: squares and sums of the first stay finite, and so
# does the second.
MAX_REAL = 1e90
MAX_DERIVED = 1e100
# Seconds, hours or dollars: as seconds thirty years, which can be taken off any date.
MAX_QUANTITY = 1e9
YEARS = range(1970, 9000)
_SHOWN_DIGITS = 24

Whole = Annotated[int, Field(ge=-MAX_WHOLE - 1, le=MAX_WHOLE)]
Natural = Annotated[int, Field(ge=0, le=MAX_WHOLE)]
Real = Annotated[FiniteFloat, Field(ge=-MAX_REAL, le=MAX_REAL)]
Derived = Annotated[FiniteFloat, Field(ge=-MAX_DERIVED, le=MAX_DERIVED)]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
Quantity = Annotated[FiniteFloat, Field(ge=0, le=MAX_QUANTITY)]


def finite(text: str) -> str:
    """Return a text of JSON. Raise ValueError for one that would take far more memory than it."""
    if sum(map(text.count, ",[{")) > MAX_PARTS:
        raise ValueError(f"it has more than {MAX_PARTS} parts")
    return text


def is_stamp(text: str) -> bool:
    """Return whether `text` is an ISO 8601 time with its offset, in a year a calendar can use."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return False
    return time.tzinfo is not None and time.year in YEARS


def _stamp(text: str) -> str:
    if text and not is_stamp(text):
        raise ValueError("not an ISO 8601 time with its offset from UTC")
    return text


Stamp = Annotated[str, AfterValidator(_stamp)]
"""An ISO 8601 time with its offset; empty if unknown."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a constant is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def small_enough(value: object) -> object:
    """Return a constant as it is; a whole number that no float can hold, as text.

    Such a number becomes `0x1f0… (2001 bits)`: nobody computes with it.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        float(value)
    except OverflowError:
        return f"{value:#x}"[:_SHOWN_DIGITS] + f"… ({value.bit_length()} bits)"
    return value


def reason_of(error: ValueError) -> str:
    """Return one line on why a record was refused: the first wrong field, and how many more."""
    if not isinstance(error, ValidationError):
        return str(error)
    first, *others = error.errors(include_url=False, include_context=False)
    where = ".".join(map(str, first["loc"]))
    message = f"{where}: {first['msg']}" if where else first["msg"]
    return f"{message} (and {len(others)} more)" if others else message


def _without_lone_surrogates(text: object) -> object:
    if not isinstance(text, str):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


Text = Annotated[str, BeforeValidator(_without_lone_surrogates)]
"""Text of a model or a training. A lone surrogate, invalid in git and JSON, becomes U+FFFD."""
