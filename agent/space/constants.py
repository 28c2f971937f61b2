"""The literal constants of a file: read, compared, and written as edits."""

import ast
import json
from dataclasses import dataclass

from agent.edit.literal import Literal, evaluate
from agent.edit.set_constant import Assignment, bound_names, module_statements, plain_names
from agent.edit.source import Source, read
from agent.records.edits import Refused, SetConstant
from agent.records.proposals import Configuration, Value
from agent.records.results import Change

# From here on, 2**k is easier to read than its digits.
_POWER_FROM = 2**20


@dataclass(frozen=True)
class Constant:
    """One constant that SetConstant can set."""

    name: str
    value: Literal
    node: Assignment
    """Its statement."""


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
            constant = _constant(name, node)
            if constant:
                constants[name] = constant
        assigned |= names
    return constants


def _place(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _constant(name: str, node: ast.stmt) -> Constant | None:
    if not name.isupper() or name.startswith("_") or name not in plain_names(node):
        return None
    if not isinstance(node, Assignment) or node.value is None:
        return None
    value = evaluate(node.value)
    return None if value is None else Constant(name, value, node)


def read_constants(source: str) -> Configuration:
    """Return every constant that SetConstant can set, in the order of the file.

    {} if the file does not parse.
    """
    return {name: constant.value for name, constant in _constants_of(source).items()}


def constant_edits(source: str, configuration: Configuration) -> tuple[SetConstant, ...]:
    """Return the edits that give `source` those values of `configuration` that differ."""
    constants = _constants_of(source)
    edits = []
    for name, value in configuration.items():
        old = constants.get(name)
        if old is None:
            edits.append(SetConstant(name=name, value=written(value)))
        elif differ(old.value, value):
            edits.append(SetConstant(name=name, value=written(value, _is_power(old))))
    return tuple(edits)


def _constants_of(source: str) -> dict[str, Constant]:
    parsed = read(source)
    return {} if isinstance(parsed, Refused) else find_constants(parsed)


def _is_power(constant: Constant) -> bool:
    """Return whether the file writes the constant as a power."""
    value = constant.node.value
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.Pow)


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


def changes(old: str, new: str) -> tuple[Change, ...]:
    """Return the constants that differ between two files, in the new file's order."""
    before = read_constants(old)
    after = read_constants(new)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Change(name=name, before=before.get(name), after=after.get(name))
        for name in names
        if differ(before.get(name), after.get(name))
    )
