"""Ranges as people write them: `[1 .. 8]`, `[0.001 .. 0.2 log]`, `[16 .. 128 pow2]`, `[SSSL | LLLL]`, `[fixed]`."""

import ast
import re
from dataclasses import dataclass

from agent.edit.literal import Literal, evaluate

SYNTAX = "write `1 .. 8`, `0.001 .. 0.2 log`, `16 .. 128 pow2`, `a | b | c`, or `fixed`"
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Range:
    """What a person says of a constant. fixed: it is not searched. choices, or low and high."""

    low: float = 0
    high: float = 0
    log: bool = False
    power_of_two: bool = False
    choices: tuple[Literal, ...] = ()
    fixed: bool = False


def parse_range(text: str) -> Range:
    """Read one range, with or without its brackets; ValueError says what is accepted."""
    text = text.strip().removeprefix("[").removesuffix("]").strip()
    if text == "fixed":
        return Range(fixed=True)
    if "|" in text:
        return Range(
            choices=tuple(dict.fromkeys(_choice(part.strip()) for part in text.split("|")))
        )
    bounds, flags = re.sub(r"\b(log|pow2)\b", " ", text), re.findall(r"\b(?:log|pow2)\b", text)
    parts = bounds.split("..")
    low, high = (_number(part) for part in parts) if len(parts) == 2 else (None, None)
    if low is None or high is None:
        raise ValueError(f"not a range: {text!r} ({SYNTAX})")
    if low > high:
        raise ValueError(f"{text!r} begins above its end")
    if "log" in flags and low <= 0:
        raise ValueError(f"{text!r}: a log range begins above 0")
    if "pow2" in flags and not any(low <= 1 << k <= high for k in range(64)):
        raise ValueError(f"{text!r} holds no power of two")
    return Range(low=low, high=high, log="log" in flags, power_of_two="pow2" in flags)


def range_in_comment(comment: str) -> Range | None:
    """The last bracket of a comment that reads as a range; None where there is none: `[B, T]` may stand in any comment."""
    for text in reversed(_BRACKETS.findall(comment)):
        try:
            return parse_range(text)
        except ValueError:
            continue
    return None


def _number(text: str) -> float | None:
    value = _evaluate(text.strip())
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _choice(text: str) -> Literal:
    """`4` is a number, `True` a boolean, `"4"` and everything else a string."""
    value = _evaluate(text)
    return text if value is None else value


def _evaluate(text: str) -> Literal | None:
    try:
        return evaluate(ast.parse(text, mode="eval").body) if len(text) < 100 else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
