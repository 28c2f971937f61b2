"""The search space of a file: each constant's range from the settings, else from its comment, else inferred."""

import io
import math
import tokenize
from collections.abc import Mapping

from agent.edit.source import Source, read
from agent.errors import UsageFault
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Value
from agent.space.constants import Constant, find_constants
from agent.space.infer import KNOWN, SEQUENCE_LENGTHS, infer
from agent.space.ranges import Range, parse_range, range_in_comment
from agent.space.space import Multiple, Parameter, Space


def read_space(
    source: str, ranges: Mapping[str, str] = {}, constants: Mapping[str, Value] = {}
) -> Space:
    """The space of `source`; empty where it does not parse or has no constants.

    ranges: from autoresearch.toml, by name, in the text syntax of the comments; UsageFault where one is malformed.
    constants: values that the file imports from elsewhere (prepare.py's MAX_SEQ_LEN), which bound its own.
    A default outside its stated range widens the range: the file as it is always lies in its own space.
    """
    parsed = read(source)
    if isinstance(parsed, Refused):
        return Space()
    given = {name: _from_settings(name, text) for name, text in ranges.items()}
    found = find_constants(parsed)
    stated = {
        name: given.get(name) or range_in_comment(comment_of(parsed, constant))
        for name, constant in found.items()
    }
    parameters = [
        _parameter(constant, stated[name] or infer(name, constant.value))
        for name, constant in found.items()
    ]
    searched = tuple(parameter for parameter in parameters if parameter)
    values: Configuration = {
        **constants,
        **{name: constant.value for name, constant in found.items()},
    }
    guessed = {p.name for p in searched if not stated[p.name]}
    return Space(
        parameters=searched, constraints=_constraints(guessed, {p.name for p in searched}, values)
    )


def _from_settings(name: str, text: str) -> Range:
    try:
        return parse_range(text)
    except ValueError as error:
        raise UsageFault(
            f"autoresearch.toml: the range of {name}: {error}", "autoresearch doctor"
        ) from None


def comment_of(source: Source, constant: Constant) -> str:
    """The comments inside a constant's statement and behind it on its last line, unless another statement stands between."""
    node = constant.node
    start, end = source.start(node), source.end(node)
    stop = source.line_start((node.end_lineno or node.lineno) + 1)
    tail = source.text[end:stop].lstrip(" \t\f)").removeprefix(";").strip()
    inside = source.text[start:end] if node.end_lineno != node.lineno else ""
    return _comments(inside) + (tail if tail.startswith("#") else "")


def _comments(code: str) -> str:
    if "#" not in code:
        return ""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return " ".join(token.string for token in tokens if token.type == tokenize.COMMENT)


def _parameter(constant: Constant, wanted: Range | None) -> Parameter | None:
    """The constant as a parameter; None where it is not searched, or where the range is of another kind than the value."""
    name, value = constant.name, constant.value
    if wanted is None or wanted.fixed:
        return None
    if wanted.choices:
        choices = (
            wanted.choices
            if any(_equal(value, c) for c in wanted.choices)
            else (value, *wanted.choices)
        )
        return Parameter(name=name, kind="categorical", choices=choices, default=value)
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) > 1e300):
        return None
    whole = (
        isinstance(value, int)
        and float(wanted.low).is_integer()
        and float(wanted.high).is_integer()
    )
    low, high = min(wanted.low, value), max(wanted.high, value)
    log = (wanted.log or wanted.power_of_two) and low > 0
    if not whole:
        return Parameter(
            name=name, kind="float", low=float(low), high=float(high), log=log, default=float(value)
        )
    low, high = math.ceil(low), math.floor(high)
    return Parameter(
        name=name,
        kind="int",
        low=low,
        high=high,
        log=log,
        power_of_two=wanted.power_of_two,
        default=value,
    )


def _equal(one: Value, two: Value) -> bool:
    return one == two and isinstance(one, bool) == isinstance(two, bool)


def _constraints(
    guessed: set[str], searched: set[str], values: Configuration
) -> tuple[Multiple, ...]:
    """Of the well-known script: a batch is a whole number of device batches. Only where the file itself keeps to it."""
    total, device = "TOTAL_BATCH_SIZE", "DEVICE_BATCH_SIZE"
    if (
        not {total, device} <= set(values)
        or not {total, device} & guessed
        or not {total, device} <= KNOWN.keys()
    ):
        return ()
    length = next((name for name in SEQUENCE_LENGTHS if isinstance(values.get(name), int)), None)
    factors: list[str | int] = [device if device in searched else _whole(values[device])]
    if length:
        factors.append(length if length in searched else _whole(values[length]))
    constraint = Multiple(name=total, of=tuple(factors))
    return (constraint,) if total in searched and constraint.holds(values) else ()


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0
