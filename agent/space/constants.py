"""The literal constants of a file: read, compared, and written as edits."""

import ast
import json
from dataclasses import dataclass

from agent.edit.literal import Literal, evaluate
from agent.edit.set_constant import bound_names, module_statements, plain_names
from agent.edit.source import Source, read
from agent.records.edits import Refused, SetConstant
from agent.records.proposals import Configuration, Value
from agent.records.results import Change

_POWER_FROM = 2**20  # from here on, 2**k is easier to read than its digits


@dataclass(frozen=True)
class Constant:
    """One constant that SetConstant can set: its value and its statement."""

    name: str
    value: Literal
    node: ast.Assign | ast.AnnAssign


def find_constants(source: Source) -> dict[str, Constant]:
    """The UPPERCASE names that the module assigns exactly once, whose value is a literal or arithmetic on literals."""
    found: dict[str, Constant] = {}
    assigned: set[str] = set()
    for node in sorted(module_statements(source), key=lambda node: (node.lineno, node.col_offset)):
        for name in bound_names(node):
            value = (
                evaluate(node.value)
                if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
                else None
            )
            if name in assigned:
                found.pop(name, None)
            elif (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and value is not None
                and _is_constant(name, node)
            ):
                found[name] = Constant(name, value, node)
        assigned |= bound_names(node)
    return found


def _is_constant(name: str, node: ast.stmt) -> bool:
    return name.isupper() and not name.startswith("_") and name in plain_names(node)


def read_constants(source: str) -> Configuration:
    """Every constant that SetConstant can set, by name, in the order of the file; {} where the file does not parse."""
    parsed = read(source)
    return (
        {}
        if isinstance(parsed, Refused)
        else {name: found.value for name, found in find_constants(parsed).items()}
    )


def constant_edits(source: str, configuration: Configuration) -> tuple[SetConstant, ...]:
    """The edits that give `source` the values of `configuration`; only those that differ from what it has."""
    parsed = read(source)
    constants = {} if isinstance(parsed, Refused) else find_constants(parsed)
    edits = []
    for name, value in configuration.items():
        old = constants.get(name)
        if old is None or differ(old.value, value):
            as_power = (
                old is not None
                and isinstance(old.node.value, ast.BinOp)
                and isinstance(old.node.value.op, ast.Pow)
            )
            edits.append(SetConstant(name=name, value=written(value, as_power)))
    return tuple(edits)


def written(value: Value, as_power: bool = False) -> str:
    """The value as a Python expression: `2**19` where the file wrote a power and the value is one, strings in double quotes."""
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted if "\\" not in quoted else repr(value)
    power = (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value > 0
        and value & (value - 1) == 0
    )
    if power and (as_power or value >= _POWER_FROM):
        return f"2**{int(value).bit_length() - 1}"
    return repr(value)


def differ(one: Value | None, two: Value | None) -> bool:
    """Whether two values are different constants; 1 and 1.0 are not, 1 and True are."""
    return one != two or isinstance(one, bool) != isinstance(two, bool)


def changes(old: str, new: str) -> tuple[Change, ...]:
    """The constants that differ between two files, in the order of the new one, those that are gone at the end."""
    before, after = read_constants(old), read_constants(new)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Change(name=name, before=before.get(name), after=after.get(name))
        for name in names
        if differ(before.get(name), after.get(name))
    )
