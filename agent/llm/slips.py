"""Reads JSON with the mistakes of models and servers: encoded twice, extra commas, fences."""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_ENCODED = 3
"""How often a value may be encoded as JSON in a JSON string."""
MAX_TRIED = 64
"""At how many brackets of a text that begin no value a value is looked for."""
# Texts are matched first, so that no comma inside one is taken for a slip. None begins behind a
# backslash: in a text without an end, each of thousands of escaped quotes would be tried.
_TEXT_OR_COMMA = re.compile(r'(?<!\\)"(?:[^"\\]|\\.)*+"|,(?=\s*[}\]])', re.DOTALL)
_BRACKET = re.compile(r"[{\[]")
# Models write line ends into texts as they are.
_DECODER = json.JSONDecoder(strict=False)


def object_of(text: str) -> dict[str, Any] | None:
    """Return the JSON object at the start of a text, or None.

    What follows it is left out: some servers join two calls, or leave a closing tag.
    """
    value: Any = text
    for _ in range(MAX_ENCODED):
        if not isinstance(value, str):
            break
        value = first_value(value)
    return value if isinstance(value, dict) else None


def first_value(text: str) -> Any:
    """Return the JSON value at the start of a text, after blanks and a fence; else None."""
    text = text.lstrip().removeprefix("```json").removeprefix("```").lstrip()
    if not text.startswith(("{", "[", '"')):
        return None
    for candidate in (text, without_extra_commas(text)):
        try:
            return _DECODER.raw_decode(candidate)[0]
        except (ValueError, RecursionError):
            continue
    return None


def values_in(text: str) -> Iterator[Any]:
    """Yield the JSON objects and lists in a text, whatever stands around them; none inside another.

    A text with extra commas in JSON is read once more without them.
    """
    yield from _values_in(text)
    without = without_extra_commas(text)
    if without != text:
        yield from _values_in(without)


def _values_in(text: str) -> Iterator[Any]:
    tried = 0
    at = _BRACKET.search(text)
    while at and tried < MAX_TRIED:
        try:
            value, end = _DECODER.raw_decode(text, at.start())
        except (ValueError, RecursionError):
            tried += 1
            end = at.end()
        else:
            yield value
        at = _BRACKET.search(text, end)


def without_extra_commas(text: str) -> str:
    """Return a text of JSON without the commas in front of a closing bracket."""
    return _TEXT_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], text)
