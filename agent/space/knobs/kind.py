"""A kind of knob: the names that it has, its range around a value, and why."""

import re
from dataclasses import dataclass

from agent.space.knobs.shapes import Shape

Rules = tuple[tuple[re.Pattern[str], str], ...]
"""Patterns of names that are no knobs, each with the reason; the first that fits counts."""


@dataclass(frozen=True)
class Kind:
    """A kind of knob."""

    pattern: re.Pattern[str]
    shape: Shape
    reason: str


def anywhere(words: str) -> re.Pattern[str]:
    """Return a pattern for names that hold one of these expressions as whole words."""
    return re.compile(rf"(?:^|_)(?:{'|'.join(words.split())})(?:_?\d+)?(?=_|$)")


def at_end(words: str) -> re.Pattern[str]:
    """Return a pattern for names that end in one of these expressions as whole words."""
    return re.compile(rf"(?:^|_)(?:{'|'.join(words.split())})(?:_?\d+)?$")


def whole(words: str) -> re.Pattern[str]:
    """Return a pattern for names that are one of these expressions."""
    return re.compile(rf"^(?:{'|'.join(words.split())})(?:_?\d+)?$")


def kind(words: str, shape: Shape, reason: str) -> Kind:
    """Return the kind of the names that hold one of these expressions as whole words."""
    return Kind(anywhere(words), shape, reason)
