"""The literal constants of a file: read, compared, and written as edits."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from agent.edit.above import comment_above, lines_of
from agent.edit.literal import Literal, evaluate
from agent.edit.places import Form, Place, places_of
from agent.edit.places.limits import NO_LIMITS, Limits
from agent.edit.places.place import type_in
from agent.edit.set_constant import Assignment, bound_names, module_statements, plain_names
from agent.edit.source import KEPT_TREES, MAX_KEPT, Source, read
from agent.records.edits import Refused
from agent.records.proposals import Value
from agent.space.comments import comments_beside, help_of

# From here on, 2**k is easier to read than its digits.
_POWER_FROM = 2**20


@dataclass(frozen=True)
class Constant:
    """One constant that SetConstant can set."""

    name: str
    value: Literal
    form: Form
    """Where the file keeps it: as a name of the module, a field, an option's default, ..."""
    expression: ast.expr
    """What gives it its value."""
    statement: ast.stmt
    """The statement that holds the expression."""
    comment: str = ""
    """An option's help text or a field's docstring, then the comments beside the constant."""
    stated_type: str = ""
    """Its annotation or the option's type, such as `float`."""
    choices: tuple[Literal, ...] = ()
    """The values that the option or annotation allows; () if it names none."""
    limits: Limits = NO_LIMITS
    """What the field, option or annotation allows of a number."""
    above: str = ""
    """The comment above it, or the heading of the constants around it."""


def find_constants(source: Source) -> Mapping[str, Constant]:
    """Return every constant of a file, in the order of the file.

    A constant is a literal, or arithmetic on literals, in one of the places that places_of knows,
    or an UPPERCASE name that the module assigns exactly once.
    """
    if len(source.text) > MAX_KEPT:
        return _find(source)
    return _kept(source.text)


@lru_cache(maxsize=KEPT_TREES)
def _kept(text: str) -> Mapping[str, Constant]:
    source = read(text)
    return {} if isinstance(source, Refused) else _find(source)


def _find(source: Source) -> Mapping[str, Constant]:
    constants = _uppercase(source)
    for name, place in places_of(source).items():
        value = evaluate(place.value)
        if value is not None and name not in constants:
            constants[name] = _constant(source, place, value)
    ordered = sorted(constants.values(), key=_position)
    return MappingProxyType({constant.name: constant for constant in ordered})


def _position(constant: Constant) -> tuple[int, int]:
    return constant.expression.lineno, constant.expression.col_offset


def _constant(source: Source, place: Place, value: Literal) -> Constant:
    comment = f"{help_of(place.help)} {comments_beside(source, place.item)}".strip()
    return Constant(
        place.name,
        value,
        place.form,
        place.value,
        place.statement,
        comment,
        place.stated_type,
        place.choices,
        place.limits,
        comment_above(_lines(source.text), _line_of(place)),
    )


@lru_cache(maxsize=1)
def _lines(text: str) -> list[str]:
    return lines_of(text)


def _line_of(place: Place) -> int:
    """Return the line above which a constant's own comment stands."""
    inside = place.form in ("dictionary", "keyword", "parameter", "call")
    return place.value.lineno if inside else place.statement.lineno


def _uppercase(source: Source) -> dict[str, Constant]:
    """Return the UPPERCASE names that the module assigns exactly once, to a literal."""
    constants: dict[str, Constant] = {}
    assigned: set[str] = set()
    for node in sorted(module_statements(source), key=_place):
        names = bound_names(node)
        for name in names:
            if name in assigned:
                constants.pop(name, None)
                continue
            constant = _uppercase_constant(source, name, node)
            if constant:
                constants[name] = constant
        assigned |= names
    return constants


def _place(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _uppercase_constant(source: Source, name: str, node: ast.stmt) -> Constant | None:
    if not name.isupper() or name.startswith("_") or name not in plain_names(node):
        return None
    if not isinstance(node, Assignment) or node.value is None:
        return None
    value = evaluate(node.value)
    if value is None:
        return None
    annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
    place = Place(name, "module", node.value, node, node, "", type_in(annotation))
    return _constant(source, place, value)


def _is_power(constant: Constant) -> bool:
    """Return whether the file writes the constant as a power."""
    value = constant.expression
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
