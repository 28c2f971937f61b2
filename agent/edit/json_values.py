"""Read JSON files, each key once: strict JSON, or with comments and commas before brackets."""

import json
import re
from dataclasses import replace

from agent.edit.source import refuse
from agent.edit.value_tree import (
    USE_TEXT,
    Document,
    Item,
    Keys,
    Unreadable,
    at,
    check_bounds,
    literal_of,
    tree_of,
    unreadable,
)
from agent.records.edits import Refused

_SPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_OTHER = re.compile(r"[^ \t\r\n,\]}]++")
# Each also takes what does not end, so that no text is gone through twice.
_TEXT = r'"(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)'
_COMMENTED = re.compile(rf"{_TEXT}|//[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\*?\Z)")
_LAST_COMMA = re.compile(rf"{_TEXT}|,(?=\s*+[\]}}])")
_NO_BREAK = re.compile(r"[^\r\n]")
LOOSE = (((), "loose"),)
"""Marks a document that is not strict JSON, so that an edit cannot make strict JSON loose."""


def read_json(text: str) -> Document | Refused:
    """Return the document of a text without a byte-order mark."""
    strict = _read(text, text)
    if isinstance(strict, Document) or strict.reason == "ambiguous":
        return strict
    loose = _read(text, _without_comments(text))
    return strict if isinstance(loose, Refused) else replace(loose, marks=LOOSE)


def _read(text: str, strict: str) -> Document | Refused:
    """Return the document of a text. strict: the text as strict JSON, each value in its place."""
    try:
        data = json.loads(strict, object_pairs_hook=_unique, parse_constant=_no_constant)
        items = _Scanner(strict, data).items
        return Document(text, tuple(items), tree_of(data))
    except Unreadable as error:
        return error.refused
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        return refuse("syntax", f"no JSON: {error}", USE_TEXT)


def _without_comments(text: str) -> str:
    """Return a text of the same length with blanks for comments and for commas that end lists."""
    return _LAST_COMMA.sub(_blank, _COMMENTED.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith('"') or (text.startswith("/*") and not text.endswith("*/")):
        return text
    return _NO_BREAK.sub(" ", text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; refuse two equal keys, of which readers may take either."""
    data: dict[str, object] = {}
    for key, value in pairs:
        if key in data:
            where = f"the key {key} is twice in one object"
            raise Unreadable(refuse("ambiguous", where, USE_TEXT))
        data[key] = value
    return data


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


class _Scanner:
    """Finds the places of the values in a text that json has accepted."""

    def __init__(self, text: str, data: object) -> None:
        self._text = text
        self._data = data
        self.items: list[Item] = []
        self._value(self._skip(0), ())

    def _skip(self, index: int) -> int:
        return self._end(_SPACE, index)

    def _end(self, pattern: re.Pattern[str], index: int) -> int:
        match = pattern.match(self._text, index)
        if match is None:
            raise unreadable(self._text, index, "no JSON")
        return match.end()

    def _value(self, start: int, keys: Keys) -> int:
        """Add the value at `start` and those inside it; return the index after it."""
        check_bounds(self._text, start, len(keys), len(self.items))
        place = len(self.items)
        self.items.append(Item(keys, start, start))
        value = None
        match self._text[start : start + 1]:
            case "{":
                end = self._object(self._skip(start + 1), keys)
            case "[":
                end = self._array(self._skip(start + 1), keys)
            case '"':
                end = self._end(_STRING, start)
                value = literal_of(at(self._data, keys))
            case _:
                end = self._end(_OTHER, start)
                value = literal_of(at(self._data, keys))
        self.items[place] = Item(keys, start, end, value)
        return end

    def _object(self, index: int, keys: Keys) -> int:
        while not self._text.startswith("}", index):
            end = self._end(_STRING, index)
            key = json.loads(self._text[index:end])
            after_colon = self._skip(end) + 1
            index = self._next(self._value(self._skip(after_colon), (*keys, key)))
        return index + 1

    def _array(self, index: int, keys: Keys) -> int:
        count = 0
        while not self._text.startswith("]", index):
            index = self._next(self._value(index, (*keys, count)))
            count += 1
        return index + 1

    def _next(self, index: int) -> int:
        """Return the index of the next element, or of the bracket that closes."""
        index = self._skip(index)
        return self._skip(index + 1) if self._text.startswith(",", index) else index
