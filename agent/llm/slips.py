"""Reads JSON as models and servers write it: encoded twice, with commas too many, in a fence."""

import json
import re
from typing import Any

MAX_ENCODED = 3
"""Times that a value may be JSON within a text of JSON."""
# Texts are matched first, so that no comma inside one is taken for a slip.
_TEXT_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"|,(?=\s*[}\]])', re.DOTALL)
# Models write line ends into texts as they are.
_DECODER = json.JSONDecoder(strict=False)


def object_of(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text holds from its beginning, or None.

    What follows it is left out: some servers join two calls, or leave a closing tag.
    """
    value: Any = text
    for _ in range(MAX_ENCODED):
        if not isinstance(value, str):
            break
        value = first_value(value)
    return value if isinstance(value, dict) else None


def first_value(text: str) -> Any:
    """Return the JSON value that a text begins with, behind blanks and a fence; else None."""
    text = text.lstrip().removeprefix("```json").removeprefix("```").lstrip()
    if not text.startswith(("{", "[", '"')):
        return None
    for candidate in (text, without_extra_commas(text)):
        try:
            return _DECODER.raw_decode(candidate)[0]
        except (ValueError, RecursionError):
            continue
    return None


def without_extra_commas(text: str) -> str:
    """Return a text of JSON without the commas in front of a closing bracket."""
    return _TEXT_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], text)
