"""Reads tool calls that a model wrote as Python: `propose(hypothesis="…", edits=[…])`."""

import ast
import re
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Any

from sandbox.ground.text import is_piled

MAX_TRIED = 16
"""The most places of a text at which a call is read."""
_STEP = re.compile(
    r"\"\"\".*?\"\"\"|'''.*?'''|(?<!\\)\"(?:[^\"\\\n]|\\.)*+\"|(?<!\\)'(?:[^'\\\n]|\\.)*+'"
    r"|[\[({]|[\])}]",
    re.DOTALL,
)
"""What decides where an expression ends: texts, in which brackets do not count, and brackets."""
_LEAD = re.compile(r"\s*(?:\[.*|print\(\s*)?(?:\w{1,64}\.)?", re.DOTALL)
"""What may stand between the beginning of a line and the name: a list, a print, a module."""
_JSON_NAMES = {"true": True, "false": False, "null": None}


def python_call(text: str, tool: str, marks: re.Pattern[str]) -> dict[str, Any] | None:
    """Return the arguments of a call of `tool`, alone or in a list of calls, or None.

    It begins a line, or follows a mark. All arguments are named and plain values; JSON's names of
    values are known as well.
    """
    named = re.compile(rf"\b{re.escape(tool)}(?:\.call)?\s*\(")
    for match in islice(named.finditer(text), MAX_TRIED):
        start = text.rfind("\n", 0, match.start()) + 1
        for mark in marks.finditer(text, start, match.start()):
            start = mark.end()
        if not _LEAD.fullmatch(text, start, match.start()):
            continue
        for call in _calls(_expression(text, start)):
            arguments = _arguments(call)
            if _name(call.func) == tool and arguments is not None:
                return arguments
    return None


def plain_value(text: str, start: int = 0) -> Any:
    """Return the literal of Python that a text has at `start`; None for anything else."""
    node = _parsed(_expression(text, start))
    try:
        return _value(node) if node else None
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return None


def _expression(text: str, start: int) -> str:
    """Return the text from `start` to the end of the first outermost bracket; "" without one."""
    depth = 0
    for step in _STEP.finditer(text, start):
        if step[0] in "[({":
            depth += 1
        elif step[0] in "])}":
            depth -= 1
            if depth <= 0:
                return text[start : step.end()]
    return ""


def _parsed(text: str) -> ast.expr | None:
    if is_piled(text):
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _calls(text: str) -> Iterator[ast.Call]:
    """Yield the calls of an expression: itself, in a list, or printed."""
    node = _parsed(text)
    for part in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
        if not isinstance(part, ast.Call):
            continue
        if _name(part.func) == "print" and part.args and isinstance(part.args[0], ast.Call):
            part = part.args[0]
        yield part


def _name(function: ast.expr) -> str:
    """Return the name of a function without the names in front of it and `.call` behind it."""
    if isinstance(function, ast.Attribute):
        return _name(function.value) if function.attr == "call" else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _arguments(call: ast.Call) -> dict[str, Any] | None:
    """Return the arguments of a call; None unless each has a name of its own and a value."""
    names = [keyword.arg for keyword in call.keywords]
    if call.args or None in names or len(set(names)) != len(names):
        return None
    try:
        return {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    """Return the value of a literal; raise ValueError for anything that is to be computed."""
    if isinstance(node, ast.Name) and node.id in _JSON_NAMES:
        return _JSON_NAMES[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [str(_value(key)) for key in node.keys if key]
        return dict(zip(keys, map(_value, node.values), strict=True))
    value = ast.literal_eval(node)
    is_number = isinstance(value, int | float) and isfinite(value)
    if not (is_number or isinstance(value, str | None)):
        raise ValueError("no value of JSON")
    return value
