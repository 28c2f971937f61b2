"""The literal constants of a file: read, compared, and written as edits."""

import ast
import io
import json
import tokenize
from dataclasses import dataclass

from agent.edit.literal import Literal, evaluate
from agent.edit.set_constant import Assignment, bound_names, module_statements, plain_names
from agent.edit.source import Source
from agent.records.proposals import Value

# From here on, 2**k is easier to read than its digits.
_POWER_FROM = 2**20


@dataclass(frozen=True)
class Constant:
    """One constant that SetConstant can set."""

    name: str
    value: Literal
    node: Assignment
    """Its statement."""
    comment: str = ""
    """The comments inside the statement and after it on its last line."""


def find_constants(source: Source) -> dict[str, Constant]:
    """Return the UPPERCASE names that the module assigns exactly once, to a literal.

    Arithmetic on literals is a literal too.
    """
    constants: dict[str, Constant] = {}
    assigned: set[str] = set()
    for node in sorted(module_statements(source), key=_place):
        names = bound_names(node)
        for name in names:
            if name in assigned:
                constants.pop(name, None)
                continue
            constant = _constant(source, name, node)
            if constant:
                constants[name] = constant
        assigned |= names
    return constants


def _place(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _constant(source: Source, name: str, node: ast.stmt) -> Constant | None:
    if not name.isupper() or name.startswith("_") or name not in plain_names(node):
        return None
    if not isinstance(node, Assignment) or node.value is None:
        return None
    value = evaluate(node.value)
    return None if value is None else Constant(name, value, node, comment_of(source, node))


def comment_of(source: Source, node: Assignment) -> str:
    """Return the comments inside a statement and after it on its last line.

    A comment after another statement on that line does not count.
    """
    start = source.start(node)
    end = source.end(node)
    stop = source.line_start((node.end_lineno or node.lineno) + 1)
    comments = _comments(source.text[start:end]) if node.end_lineno != node.lineno else ""
    tail = source.text[end:stop].lstrip(" \t\f)").removeprefix(";").strip()
    return comments + (tail if tail.startswith("#") else "")


def _comments(code: str) -> str:
    if "#" not in code:
        return ""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return " ".join(token.string for token in tokens if token.type == tokenize.COMMENT)


def _is_power(constant: Constant) -> bool:
    """Return whether the file writes the constant as a power."""
    value = constant.node.value
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.Pow)


def written_like(value: Value, constant: Constant | None) -> str:
    """Return the value as a Python expression, in the form that the file gives the constant."""
    return written(value, constant is not None and _is_power(constant))


def written(value: Value, as_power: bool = False) -> str:
    """Return the value as a Python expression.

    as_power: write a power of two as `2**19`, however small. Strings get double quotes.
    """
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted if "\\" not in quoted else repr(value)
    if is_power_of_two(value) and (as_power or value >= _POWER_FROM):
        return f"2**{int(value).bit_length() - 1}"
    return repr(value)


def is_power_of_two(value: Value) -> bool:
    """Return whether the value is an integer 2**k."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value > 0 and value & (value - 1) == 0


def differ(left: Value | None, right: Value | None) -> bool:
    """Return whether two values are different constants: 1 and 1.0 are not, 1 and True are."""
    return left != right or isinstance(left, bool) != isinstance(right, bool)
