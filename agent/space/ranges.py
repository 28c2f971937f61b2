"""Ranges as people write them: `[1 .. 8]`, `[0.1 .. 1 log]`, `[16 .. 128 pow2]`, `[a | b]`."""

import ast
import re
from dataclasses import dataclass

from agent.edit.literal import Literal, evaluate
from agent.records.bounded import is_number
from sandbox.ground.text import is_piled

SYNTAX = "write `1 .. 8`, `0.001 .. 0.2 log`, `16 .. 128 pow2`, `a | b | c`, or `fixed`"
MAX_CHARACTERS = 100
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_FLAGS = re.compile(r"\b(?:log|pow2)\b")


@dataclass(frozen=True)
class Range:
    """A range that a person wrote for a constant: choices, or low and high."""

    low: float = 0
    high: float = 0
    log: bool = False
    power_of_two: bool = False
    choices: tuple[Literal, ...] = ()
    fixed: bool = False
    """The constant is not searched."""


def parse_range(text: str) -> Range:
    """Return the range in `text`, with or without brackets; raise ValueError with the syntax."""
    text = text.strip().removeprefix("[").removesuffix("]").strip()
    if text == "fixed":
        return Range(fixed=True)
    if "|" in text:
        choices = [_choice(part.strip()) for part in text.split("|")]
        return Range(choices=tuple(dict.fromkeys(choices)))
    flags = _FLAGS.findall(text)
    bounds = [_number(part) for part in _FLAGS.sub(" ", text).split("..")]
    if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:
        raise ValueError(f"not a range: {text!r} ({SYNTAX})")
    low = bounds[0]
    high = bounds[1]
    if low > high:
        raise ValueError(f"{text!r} begins above its end")
    if "log" in flags and low <= 0:
        raise ValueError(f"{text!r}: a log range must begin above 0")
    if "pow2" in flags and not any(low <= 1 << k <= high for k in range(64)):
        raise ValueError(f"{text!r} contains no power of two")
    return Range(low=low, high=high, log="log" in flags, power_of_two="pow2" in flags)


def written(found: Range) -> str:
    """Return a range as people write it, without brackets; parse_range reads it back."""
    if found.fixed:
        return "fixed"
    if found.choices:
        return " | ".join(str(choice) for choice in found.choices)
    flag = " log" if found.log else ""
    if found.power_of_two:
        flag = " pow2"
    return f"{_number_text(found.low)} .. {_number_text(found.high)}{flag}"


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.12g}"


def range_in_comment(comment: str) -> Range | None:
    """Return the last bracket of a comment that reads as a range; `[B, T]` is none."""
    for text in reversed(_BRACKETS.findall(comment)):
        try:
            return parse_range(text)
        except ValueError:
            continue
    return None


def _number(text: str) -> float | None:
    value = _evaluate(text.strip())
    return value if is_number(value) else None


def _choice(text: str) -> Literal:
    """Return `4` as a number, `True` as a boolean, `"4"` and everything else as a string."""
    value = _evaluate(text)
    return text if value is None else value


def _evaluate(text: str) -> Literal | None:
    if len(text) >= MAX_CHARACTERS or is_piled(text):
        return None
    try:
        return evaluate(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
