"""The search space of a file: each constant's range from settings, its comment, or inferred."""

import ast
import io
import math
import tokenize
from collections.abc import Collection, Mapping

from agent.edit.source import Source, read
from agent.errors import UsageFault
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Value
from agent.space.constants import Constant, differ, find_constants
from agent.space.infer import SEQUENCE_LENGTHS, infer
from agent.space.knobs.evidence import Evidence, words_of
from agent.space.ranges import Range, parse_range, range_in_comment
from agent.space.space import Multiple, Parameter, Space
from agent.space.uses import Uses, uses_of

LARGEST_INTEGER = 1e300
TOTAL_BATCH = "TOTAL_BATCH_SIZE"
DEVICE_BATCH = "DEVICE_BATCH_SIZE"


def read_space(
    source: str, ranges: Mapping[str, str] = {}, constants: Mapping[str, Value] = {}
) -> Space:
    """Return the space of `source`; an empty one if it does not parse or has no constants.

    ranges: from autoresearch.toml, by name, in the syntax of the comments; raise UsageFault if one
    is malformed. constants: values that the file imports from elsewhere (prepare.py's MAX_SEQ_LEN),
    which bound its own. A default outside its stated range widens the range: the file as it is
    always lies in its own space.
    """
    parsed = read(source)
    if isinstance(parsed, Refused):
        return Space()
    given = {name: _from_settings(name, text) for name, text in ranges.items()}
    parameters = []
    guessed = set()
    values: Configuration = dict(constants)
    for name, constant in find_constants(parsed).items():
        values[name] = constant.value
        comment = comment_of(parsed, constant)
        stated = given.get(name) or range_in_comment(comment)
        wanted = stated or infer(_evidence(constant, comment, uses_of(parsed.text))).range
        parameter = _parameter(constant, wanted)
        if parameter:
            parameters.append(parameter)
        if parameter and not stated:
            guessed.add(name)
    searched = {parameter.name for parameter in parameters}
    return Space(parameters=tuple(parameters), constraints=_constraints(guessed, searched, values))


def _from_settings(name: str, text: str) -> Range:
    try:
        return parse_range(text)
    except ValueError as error:
        raise UsageFault(
            f"autoresearch.toml: the range of {name}: {error}", "autoresearch doctor"
        ) from None


def _evidence(constant: Constant, comment: str, uses: Uses) -> Evidence:
    """Return what a file tells of a constant."""
    annotation = getattr(constant.node, "annotation", None)
    return Evidence(
        name=constant.name,
        value=constant.value,
        stated_type=ast.unparse(annotation) if annotation else "",
        text=comment,
        uses=uses.get(words_of(constant.name), frozenset()),
    )


def comment_of(source: Source, constant: Constant) -> str:
    """Return the comments inside a constant's statement and after it on its last line.

    A comment after another statement on that line does not count.
    """
    node = constant.node
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


def _parameter(constant: Constant, wanted: Range | None) -> Parameter | None:
    """Return the constant as a parameter.

    None if it is not searched, or if the range is of another kind than the value.
    """
    if wanted is None or wanted.fixed:
        return None
    if wanted.choices:
        return _categorical(constant, wanted)
    value = constant.value
    if isinstance(value, bool | str):
        return None
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return None
    low = min(wanted.low, value)
    high = max(wanted.high, value)
    log = (wanted.log or wanted.power_of_two) and low > 0
    if isinstance(value, int) and _is_whole(wanted):
        return Parameter(
            name=constant.name,
            kind="int",
            low=math.ceil(low),
            high=math.floor(high),
            log=log,
            power_of_two=wanted.power_of_two,
            default=value,
        )
    return Parameter(
        name=constant.name,
        kind="float",
        low=float(low),
        high=float(high),
        log=log,
        default=float(value),
    )


def _categorical(constant: Constant, wanted: Range) -> Parameter:
    choices = wanted.choices
    if all(differ(constant.value, choice) for choice in choices):
        choices = (constant.value, *choices)
    return Parameter(
        name=constant.name, kind="categorical", choices=choices, default=constant.value
    )


def _is_whole(wanted: Range) -> bool:
    return float(wanted.low).is_integer() and float(wanted.high).is_integer()


def _constraints(
    guessed: Collection[str], searched: Collection[str], values: Configuration
) -> tuple[Multiple, ...]:
    """Return the well-known script's constraint: a batch is a multiple of device batches.

    Only if the file itself keeps to it.
    """
    if TOTAL_BATCH not in searched or TOTAL_BATCH not in values or DEVICE_BATCH not in values:
        return ()
    if TOTAL_BATCH not in guessed and DEVICE_BATCH not in guessed:
        return ()
    factors = [_factor(DEVICE_BATCH, searched, values)]
    for name in SEQUENCE_LENGTHS:
        if isinstance(values.get(name), int):
            factors.append(_factor(name, searched, values))
            break
    constraint = Multiple(name=TOTAL_BATCH, of=tuple(factors))
    return (constraint,) if constraint.holds(values) else ()


def _factor(name: str, searched: Collection[str], values: Configuration) -> str | int:
    """Return a factor by its name if it is searched, else by its value."""
    if name in searched:
        return name
    value = values[name]
    return value if isinstance(value, int) else 0
