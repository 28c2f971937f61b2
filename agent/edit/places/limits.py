"""Limits of a constant in a file's own checks: `Field(ge=0, le=1)`, `IntRange(1, 8)`, `ge(0)`."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.edit.called import last_name
from agent.edit.literal import evaluate

MAX_NODES = 100  # of an annotation or a validator
# Keywords of pydantic, attrs, click, typer and absl that bound a number.
_LOWEST = frozenset({"ge", "min", "lower_bound", "min_value", "minimum", "min_val"})
_HIGHEST = frozenset({"le", "max", "upper_bound", "max_value", "maximum", "max_val"})
_ABOVE = frozenset({"gt"})
_BELOW = frozenset({"lt"})
# Calls whose first two arguments are the lowest and the highest number.
_RANGES = frozenset({"IntRange", "FloatRange", "ValueRange", "Interval"})
# Types of pydantic and absl that state a sign.
_POSITIVE = frozenset({"PositiveInt", "PositiveFloat", "DEFINE_positive_integer"})


@dataclass(frozen=True)
class Limits:
    """The least and the greatest number that are allowed; None is no bound."""

    low: float | None = None
    high: float | None = None
    is_low_open: bool = False
    """Whether the least number itself is not allowed."""
    is_high_open: bool = False

    def __bool__(self) -> bool:
        """Return whether anything is bounded."""
        return self.low is not None or self.high is not None


NO_LIMITS = Limits()


def limits_in(*nodes: ast.expr | None) -> Limits:
    """Return the limits that calls state: a field, an annotation, an option, its type."""
    together = NO_LIMITS
    for node in nodes:
        if node is not None:
            for limits in _stated(node):
                together = _both(together, limits)
    return together


def _stated(node: ast.expr) -> Iterator[Limits]:
    for count, part in enumerate(ast.walk(node)):
        if count > MAX_NODES:
            return
        if isinstance(part, ast.Call):
            yield from _of_call(part)
        elif isinstance(part, ast.Name | ast.Attribute) and last_name(part) in _POSITIVE:
            yield Limits(low=0, is_low_open=True)


def _of_call(call: ast.Call) -> Iterator[Limits]:
    for keyword in call.keywords:
        yield from _bound(keyword.arg or "", keyword.value)
    name = last_name(call.func)
    if name == "range":
        values = [evaluate(argument) for argument in call.args]
        yield from _of_range([value for value in values if type(value) is int])
    elif name in _RANGES:
        for side, value in zip(("ge", "le"), call.args, strict=False):
            yield from _bound(side, value)
    elif len(call.args) == 1:
        # A validator: `ge(0)` of attrs, `Gt(0)` of annotated types.
        yield from _bound(name.lower(), call.args[0])


def _of_range(ends: list[int]) -> Iterator[Limits]:
    """Yield the limits of `choices=range(1, 9)`."""
    if len(ends) in (1, 2):
        first = ends[0] if len(ends) == 2 else 0
        yield Limits(low=first, high=ends[-1], is_high_open=True)


def _bound(name: str, node: ast.expr) -> Iterator[Limits]:
    value = evaluate(node)
    if value is None or isinstance(value, bool | str):
        return
    if name in _LOWEST | _ABOVE:
        yield Limits(low=value, is_low_open=name in _ABOVE)
    elif name in _HIGHEST | _BELOW:
        yield Limits(high=value, is_high_open=name in _BELOW)


def _both(first: Limits, second: Limits) -> Limits:
    """Return both limits together; on the same side the later one counts."""
    low = first if second.low is None else second
    high = first if second.high is None else second
    return Limits(low.low, high.high, low.is_low_open, high.is_high_open)
