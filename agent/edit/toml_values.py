"""Reads TOML files: tomllib gives the values, a scanner their places.

tomllib gives no places. The scanner runs first and bounds the depth of keys: tomllib takes cubic
time for long dotted ones.
"""

import re
import tomllib

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

_BLANK = re.compile(r"[ \t]*+")
_ANY_BLANK = re.compile(r"(?:\s|#[^\n]*+)*+")
_REST_OF_LINE = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\r?\n|\Z)")
_KEY = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'""")
_SCALAR = re.compile(
    r'''
    """(?:\\.|"{1,2}(?!")|[^"\\])*+"{3,5}
    | \'\'\'(?:'{1,2}(?!')|[^'])*+'{3,5}
    | "(?:[^"\\\n]|\\.)*+"
    | '[^'\n]*+'
    | \d{4}-\d\d-\d\d[ ]\d\d:[^\s,\[\]{}\#]*+
    | [^\s,\[\]{}\#"'=]++
    ''',
    re.VERBOSE | re.DOTALL,
)


def read_toml(text: str) -> Document | Refused:
    """Return the document of a text without a byte-order mark."""
    try:
        scanner = _Scanner(text)
        data = tomllib.loads(text)
        items = [_with_value(item, data) for item in scanner.items]
        return Document(text, tuple(items), tree_of(data))
    except Unreadable as error:
        return error.refused
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        return refuse("syntax", f"no TOML: {error}", USE_TEXT)


def _with_value(item: Item, data: object) -> Item:
    return Item(item.keys, item.start, item.end, literal_of(at(data, item.keys)))


class _Scanner:
    """Finds the places of the values in a text that may be TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self._lengths: dict[Keys, int] = {}
        """How many tables each array of tables has so far."""
        self.items: list[Item] = []
        self._document()

    def _document(self) -> None:
        table: Keys = ()
        self._skip(_ANY_BLANK)
        while self._index < len(self._text):
            if self._has("[["):
                table = self._header("]]")
            elif self._has("["):
                table = self._header("]")
            else:
                self._pair(table)
            self._skip(_REST_OF_LINE)
            self._skip(_ANY_BLANK)

    def _header(self, end: str) -> Keys:
        parts = self._dotted()
        self._expect(end)
        keys: Keys = ()
        for part in parts:
            keys = self._last(keys)
            keys = (*keys, part)
        if end == "]":
            return self._last(keys)
        self._lengths[keys] = self._lengths.get(keys, 0) + 1
        return self._last(keys)

    def _last(self, keys: Keys) -> Keys:
        """Return the keys of the last table of an array of tables; other keys as they are."""
        length = self._lengths.get(keys)
        return keys if length is None else (*keys, length - 1)

    def _pair(self, table: Keys) -> None:
        key = self._dotted()
        self._expect("=")
        self._skip(_BLANK)
        self._value((*table, *key))

    def _dotted(self) -> Keys:
        keys = [self._key()]
        while self._has("."):
            keys.append(self._key())
            check_bounds(self._text, self._index, len(keys), 0)
        return tuple(keys)

    def _key(self) -> str:
        self._skip(_BLANK)
        written = self._skip(_KEY)
        self._skip(_BLANK)
        if written[0] not in "\"'":
            return written
        [key] = tomllib.loads(f"{written} = 0")
        return key

    def _value(self, keys: Keys) -> None:
        """Add the value at the index and those inside it."""
        start = self._index
        check_bounds(self._text, start, len(keys), len(self.items))
        place = len(self.items)
        self.items.append(Item(keys, start, start))
        if self._has("["):
            self._array(keys)
        elif self._has("{"):
            self._inline_table(keys)
        else:
            self._skip(_SCALAR)
        self.items[place] = Item(keys, start, self._index)

    def _array(self, keys: Keys) -> None:
        count = 0
        self._skip(_ANY_BLANK)
        while not self._has("]"):
            self._value((*keys, count))
            count += 1
            self._separator("]")

    def _inline_table(self, keys: Keys) -> None:
        self._skip(_ANY_BLANK)
        while not self._has("}"):
            self._pair(keys)
            self._separator("}")

    def _separator(self, end: str) -> None:
        self._skip(_ANY_BLANK)
        if not self._text.startswith(end, self._index):
            self._expect(",")
            self._skip(_ANY_BLANK)

    def _has(self, piece: str) -> bool:
        """Return whether `piece` is next; go past it."""
        if not self._text.startswith(piece, self._index):
            return False
        self._index += len(piece)
        return True

    def _expect(self, piece: str) -> None:
        if not self._has(piece):
            raise unreadable(self._text, self._index, f"no TOML: {piece} is missing")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._index)
        if match is None:
            raise unreadable(self._text, self._index, "no TOML")
        self._index = match.end()
        return match[0]
