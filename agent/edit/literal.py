"""Numbers and strings written in source, as values: arithmetic on literals, nothing else."""

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
    """The value of a literal, or of arithmetic on numbers; None for all else, and for what is not finite, too big or too deep."""
    try:
        return _evaluated(node)
    except RecursionError:
        return None


def _evaluated(node: ast.expr) -> Literal | None:
    match node:
        case ast.Constant(value=bool() as value):
            return value
        case ast.Constant(value=str() as value):
            return (
                value if value.encode(errors="replace").decode() == value else None
            )  # half a surrogate pair is in no record
        case ast.Constant(value=int() as value):
            return value if value.bit_length() <= _MAX_BITS else None
        case ast.Constant(value=float() as value):
            return value if math.isfinite(value) else None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
            number = _evaluated(inner)
            if isinstance(number, bool | str | None):
                return None
            return -number if isinstance(sign, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(_evaluated(left), op, _evaluated(right))
    return None


def _is_number(value: Literal | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _arithmetic(left: Literal | None, op: ast.operator, right: Literal | None) -> Literal | None:
    if not (_is_number(left) and _is_number(right)) or type(op) not in _OPERATORS:
        return None
    assert isinstance(left, int | float) and isinstance(right, int | float)
    if isinstance(op, ast.Pow | ast.LShift) and isinstance(left, int) and isinstance(right, int):
        size = left.bit_length() * right if isinstance(op, ast.Pow) else left.bit_length() + right
        if size > _MAX_BITS:
            return None
    try:
        value = _OPERATORS[type(op)](left, right)
    except (ArithmeticError, ValueError, TypeError):
        return None
    if isinstance(value, complex) or (isinstance(value, int) and value.bit_length() > _MAX_BITS):
        return None
    return (
        value
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        else None
    )
