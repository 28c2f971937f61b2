"""Defaults of environment variables and of words of the command line.

`float(os.environ.get("LR", 0.1))`, `float(sys.argv[1]) if len(sys.argv) > 1 else 0.1`.
"""

import ast
from dataclasses import replace

from agent.edit.called import last_name
from agent.edit.literal import Literal
from agent.edit.places.place import Place, keyword_of

# What turns the text of a variable into a number.
_NUMBERS: dict[str, type[int] | type[float]] = {"int": int, "float": float}


def of_environment(place: Place) -> Place:
    """Return the place of a variable's default, or `place` if it reads no variable."""
    value = default_in(place.value)
    if value is place.value:
        return place
    return replace(place, value=value, stated_type=place.stated_type or _conversion(place.value))


def default_in(value: ast.expr) -> ast.expr:
    """Return the default of an environment variable that a value reads, or the value itself.

    A text that is turned into a number is returned as that number, at its place.
    """
    conversion = _conversion(value)
    inner = value.args[0] if conversion and isinstance(value, ast.Call) else value
    default = _default(inner)
    if default is None:
        return value
    return number_in(default, conversion)


def _conversion(value: ast.expr) -> str:
    match value:
        case ast.Call(func=ast.Name(id=name), args=[_], keywords=[]) if name in _NUMBERS:
            return name
    return ""


def _default(value: ast.expr) -> ast.expr | None:
    """Return the default in `os.environ.get(name, default)` and equivalent expressions.

    Also in `sys.argv[1] if len(sys.argv) > 1 else default`.
    """
    match value:
        case ast.Call() if _reads_variable(value):
            return value.args[1] if len(value.args) == 2 else keyword_of(value, "default")
        case ast.BoolOp(op=ast.Or(), values=[ast.Call() as call, default]):
            return default if _reads_variable(call) else None
        case ast.IfExp(test=ast.Compare(ops=[ast.In()], comparators=[owner]), orelse=default):
            return default if last_name(owner) == "environ" else None
        case ast.IfExp(test=ast.Compare(left=ast.Call(args=[words])), orelse=default):
            return default if last_name(words) == "argv" else None
    return None


def _reads_variable(call: ast.Call) -> bool:
    """Return whether a call is os.environ.get(…) or os.getenv(…)."""
    if last_name(call.func) == "getenv":
        return True
    match call.func:
        case ast.Attribute(value=owner, attr="get"):
            return last_name(owner) == "environ"
    return False


def number_in(value: ast.expr, conversion: str) -> ast.expr:
    """Return a text that is turned into a number as that number, at its place; others as they are.

    conversion: `int` or `float`; any other turns into no number.
    """
    if conversion not in _NUMBERS or not isinstance(value, ast.Constant):
        return value
    number = _number(value.value, conversion)
    return value if number is None else ast.copy_location(ast.Constant(number), value)


def _number(text: object, conversion: str) -> Literal | None:
    """Return the number that a text is turned into, or None if the default is no such text."""
    if not isinstance(text, str):
        return None
    try:
        return _NUMBERS[conversion](text)
    except ValueError:
        return None
