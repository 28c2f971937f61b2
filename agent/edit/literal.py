"""Evaluates numbers and strings in source: literals and arithmetic on them."""

import ast
import math
import operator
from collections.abc import Callable

Literal = bool | int | float | str
_MAX_BITS = 4096
_OPERATORS: dict[type[ast.operator], Callable[[Literal, Literal], Literal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


def evaluate(node: ast.expr) -> Literal | None:
    """Return the value of a literal, or of arithmetic on numbers.

    None for everything else, and for what is not finite, too big or nested too deeply.
    """
    try:
        return _evaluated(node)
    except RecursionError:
        return None


def _evaluated(node: ast.expr) -> Literal | None:
    match node:
        case ast.Constant(value=bool() as value):
            return value
        case ast.Constant(value=str() as value):
            return value if _is_text(value) else None
        case ast.Constant(value=int() | float() as value):
            return _bounded(value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
            number = _evaluated(inner)
            if isinstance(number, bool | str | None):
                return None
            return -number if isinstance(sign, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(_evaluated(left), op, _evaluated(right))
    return None


def _is_text(value: str) -> bool:
    """Return whether UTF-8 can hold the value: no record can hold half a surrogate pair."""
    return value.encode(errors="replace").decode() == value


def _bounded(value: object) -> Literal | None:
    """Return a number that is finite and not too big."""
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_BITS else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None


def _arithmetic(left: Literal | None, op: ast.operator, right: Literal | None) -> Literal | None:
    if isinstance(left, bool | str | None) or isinstance(right, bool | str | None):
        return None
    if type(op) not in _OPERATORS or _too_big(left, op, right):
        return None
    try:
        value = _OPERATORS[type(op)](left, right)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return _bounded(value)


def _too_big(left: float, op: ast.operator, right: float) -> bool:
    """Return whether a power or a shift of integers would have too many bits."""
    if not isinstance(left, int) or not isinstance(right, int):
        return False
    if isinstance(op, ast.Pow):
        return left.bit_length() * right > _MAX_BITS
    if isinstance(op, ast.LShift):
        return left.bit_length() + right > _MAX_BITS
    return False
