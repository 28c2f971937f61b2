"""Constants in other languages than Python, in the spelling of the value that they replace."""

import json
import re

from agent.edit.literal import Literal
from agent.edit.yaml_scalars import read_plain
from sandbox.ground.text import is_plain

_WORDS = (("true", "false"), ("yes", "no"), ("on", "off"))
# Text that needs no quotes in YAML, in a list or map either, if it is no number or bool.
_PLAIN = re.compile(r"[A-Za-z_/][\w./+-]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_text(value: Literal, old: str) -> str:
    """Return a value that YAML 1.1 and 1.2 read alike, unless `old` is a bool of 1.1: yes, off."""
    match value:
        case bool():
            return _like(value, old)
        case float():
            return _with_point(repr(value))
        case int():
            return str(value)
        case str():
            return _yaml_string(value, old)


def toml_text(value: Literal, old: str) -> str:
    """Return a value in TOML."""
    if not isinstance(value, str):
        return json.dumps(value)
    if old.startswith("'") and "'" not in value and is_plain(value):
        return f"'{value}'"
    return _quoted(value)


def json_text(value: Literal, old: str) -> str:
    """Return a value in JSON; in ASCII if `old` has an escape for another character."""
    return json.dumps(value, ensure_ascii="\\u" in old)


def code_text(value: Literal, _old: str) -> str:
    """Return a number in C and what reads numbers alike; its suffix stays behind it."""
    text = repr(float(value)) if isinstance(value, float) else str(value)
    return _with_point(text)


def ini_text(value: Literal, old: str) -> str:
    """Return a value in an INI file or a shell script."""
    match value:
        case bool():
            return _like(value, old)
        case str():
            return value
    return repr(value)


def _like(value: bool, old: str) -> str:
    """Return a bool in the words of the old one: True, off."""
    for words in _WORDS:
        if old.casefold() in words:
            word = words[0] if value else words[1]
            if old.isupper():
                return word.upper()
            return word.capitalize() if old[0].isupper() else word
    return "true" if value else "false"


def _with_point(number: str) -> str:
    """Return a float such that YAML 1.1 reads it as one too: 1e-05 is text there."""
    mantissa, e, exponent = number.partition("e")
    if e and "." not in mantissa:
        return f"{mantissa}.0e{exponent}"
    return number


def _yaml_string(value: str, old: str) -> str:
    if old.startswith("'") and is_plain(value):
        return "'" + value.replace("'", "''") + "'"
    if not old.startswith('"') and _PLAIN.fullmatch(value) and read_plain(value).value == value:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    """Return text in double quotes, as YAML and TOML escape it."""
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if is_plain(character):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
