"""The meaning of a YAML scalar to its readers: PyYAML (YAML 1.1), OmegaConf, readers of 1.2.

They differ: `1e-3` is text for PyYAML and a number for the others, `yes` is text in YAML 1.2. What
most read as a number or a bool is a constant; its meaning is its spelling, since it depends.
"""

import re
from dataclasses import dataclass

from agent.edit.literal import Literal
from agent.edit.value_tree import literal_of, meaning

_MAX_LENGTH = 1000  # of a constant without quotes: int() takes quadratic time
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "false": False}
# Bools in YAML 1.1 only.
_OLD_BOOL = {"yes": True, "no": False, "on": True, "off": False}
# Numbers in both.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*+)|0x[0-9a-fA-F]++")
_FLOAT = re.compile(r"(?:[-+]?[0-9]++\.[0-9]*+|\.[0-9]++)(?:[eE][-+][0-9]++)?")
# Numbers in one of them.
_SOME_INT = re.compile(r"[-+]?[1-9][0-9_]*+")
_SOME_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]++|[0-9]++(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?"
    r"|[-+]?[0-9][0-9_]*+\.[0-9_]*+(?:[eE][-+][0-9]++)?"
)
# Neither numbers in both nor text in both, or no number that a search could set: octal and binary
# numbers, 1:30, dates, infinity, a reference to another value, a value that is still missing.
_ODD = re.compile(
    r"[-+]?0[0-9_]++|[-+]?0b[01_]++|0o[0-7]++|[-+]?0x[0-9a-fA-F_]++"
    r"|[-+]?[0-9][0-9_]*+(?::[0-9]{1,2})++(?:\.[0-9_]*+)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|=|<<"
)
_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Reading:
    """The meaning of a scalar."""

    meaning: str
    """The same for two spellings that every reader takes for the same value."""
    value: Literal | None = None
    """Its value if it is a constant."""


def read_plain(text: str) -> Reading:
    """Return the meaning of a scalar without quotes and tag."""
    if text in _NULL:
        return Reading("null")
    if len(text) > _MAX_LENGTH:
        return Reading(f"plain {text}")
    certain = _certain(text)
    if certain is not None:
        return _known(certain)
    if text.casefold() in _OLD_BOOL and _one_case(text):
        return Reading(f"plain {text}", _OLD_BOOL[text.casefold()])
    if _ODD.fullmatch(text):
        return Reading(f"plain {text}")
    number = _some_number(text)
    if number is not None:
        return Reading(f"plain {text}", literal_of(number))
    return read_quoted(text)


def read_quoted(text: str) -> Reading:
    """Return the meaning of a scalar that is text."""
    reference = "${" in text or text == "???"
    return Reading(meaning(text), None if reference else literal_of(text))


def read_tagged(tag: str, text: str) -> Reading:
    """Return the meaning of a scalar with a tag, which is written out."""
    if tag == _CORE + "str":
        return read_quoted(text)
    untagged = read_plain(text)
    value = untagged.value
    kinds = {_CORE + "int": int, _CORE + "bool": bool, _CORE + "float": float}
    kind = kinds.get(tag)
    if kind is float and type(value) is int:
        value = _number(float, text)
    if kind is None or type(value) is not kind:
        return Reading(f"{tag} {text}")
    return Reading(f"{tag} {text}", value)


def _known(value: Literal) -> Reading:
    return Reading(meaning(value), literal_of(value))


def _certain(text: str) -> Literal | None:
    """Return the bool or number that every reader sees."""
    if text.casefold() in _BOOL and _one_case(text):
        return _BOOL[text.casefold()]
    if _INT.fullmatch(text):
        return int(text, 16 if "x" in text else 10)
    if _FLOAT.fullmatch(text):
        return _number(float, text)
    return None


def _some_number(text: str) -> Literal | None:
    """Return the number that some readers see."""
    if _SOME_INT.fullmatch(text):
        return _number(int, text)
    if _SOME_FLOAT.fullmatch(text):
        return _number(float, text)
    return None


def _number(kind: type[int] | type[float], text: str) -> int | float | None:
    try:
        return kind(text.replace("_", ""))
    except (ValueError, OverflowError):
        return None


def _one_case(text: str) -> bool:
    """Return whether a word is in lower case, in upper case or capitalised."""
    return text in (text.lower(), text.upper(), text.capitalize())
