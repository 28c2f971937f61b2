"""The result of reading YAML, TOML or JSON: the values of a file, their places and meanings.

A path names a value: keys joined by dots, indexes of lists in brackets, `optim.betas[0]`. A key
that holds anything but letters, digits, "_" and "-" is written as a JSON string: `"a.b".c`.
"""

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from agent.edit.literal import Literal, evaluate
from agent.edit.source import MAX_NAME, refuse
from agent.records.edits import Refused
from sandbox.ground.text import is_plain

# Files of more are data and no settings. The slowest parser (PyYAML without libyaml) takes seconds.
MAX_TEXT = 2**18  # characters
MAX_VALUES = 10_000  # values of a file, lists and maps included
MAX_DEPTH = 64  # the parsers and what follows recurse
USE_TEXT = "use replace_text"

Keys = tuple[str | int, ...]
Tree = dict[str, "Tree"] | list["Tree"] | str
"""Maps, lists, and the meaning of each scalar: `float 0.1`."""

_BARE = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Item:
    """A value that is written in a file; text[start:end] is what another one replaces."""

    keys: Keys
    start: int
    end: int
    value: Literal | None = None
    """Its value if it is a constant."""
    tag: str = ""
    """The tag before it, as written; it stays. YAML only."""
    lead: str = ""
    """Text that a new value needs before it."""
    tail: str = ""
    """A comment inside text[start:end] that stays behind the first line of a new value."""


@dataclass(frozen=True)
class Document:
    """A file that parses."""

    text: str
    """Without a byte-order mark."""
    items: tuple[Item, ...]
    """In the order of the file; the whole document, which has no key, may be the first."""
    tree: Tree
    marks: tuple[tuple[Keys, str], ...] = ()
    """What the tree does not hold: tags, anchors, keys that are no text. YAML only."""


class Unreadable(Exception):
    """A reader met what it does not read; `refused` says what and where."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


def unreadable(text: str, index: int, why: str, hint: str = "") -> Unreadable:
    """Return the exception of a reader at text[index]."""
    return Unreadable(refuse("syntax", f"line {line_of(text, index)}: {why}", hint or USE_TEXT))


def line_of(text: str, index: int) -> int:
    """Return the line of text[index]; they count from 1 and end in LF, CR LF or CR."""
    before = text[:index]
    return before.count("\n") + before.count("\r") - before.count("\r\n") + 1


def check_bounds(text: str, index: int, depth: int, values: int) -> None:
    """Raise Unreadable where a file at text[index] nests too deeply or holds too many values."""
    if depth > MAX_DEPTH:
        raise unreadable(text, index, f"nested more than {MAX_DEPTH} deep")
    if values > MAX_VALUES:
        raise unreadable(text, index, f"more than {MAX_VALUES} values")


def path_of(keys: Keys) -> str | None:
    """Return the path of keys; None if it is longer than a name may be."""
    path = ""
    for key in keys:
        path += _step(key, bool(path))
        if len(path) > MAX_NAME:
            return None
    return path


def _step(key: str | int, inside: bool) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    dot = "." if inside else ""
    short = key[: MAX_NAME + 1]
    if _BARE.fullmatch(short):
        return dot + short
    return dot + json.dumps(short, ensure_ascii=not is_plain(short))


def literal_of(value: object) -> Literal | None:
    """Return a value that may be a constant: finite, not too big, text that UTF-8 can hold."""
    if isinstance(value, bool | int | float | str):
        return evaluate(ast.Constant(value=value))
    return None


def meaning(value: object) -> str:
    """Return a scalar with its type, the same for two spellings of one value."""
    # repr() refuses integers of thousands of digits, and writing them takes quadratic time.
    written = hex(value) if type(value) is int else repr(value)
    return f"{type(value).__name__} {written}"


def tree_of(data: object) -> Tree:
    """Return the tree of what a parser of JSON or TOML constructed."""
    match data:
        case dict():
            return {key: tree_of(inner) for key, inner in data.items()}
        case list():
            return [tree_of(inner) for inner in data]
        case _:
            return meaning(data)


def at(data: Any, keys: Keys) -> Any:
    """Return what is at `keys` in dictionaries and lists; raise LookupError or TypeError."""
    for key in keys:
        data = data[key]
    return data


def replaced(tree: Tree, keys: Keys, new: Tree) -> Tree:
    """Return a tree with another one at `keys`; the old tree stays as it is."""
    if not keys:
        return new
    first = keys[0]
    if isinstance(tree, dict) and isinstance(first, str):
        return {**tree, first: replaced(tree[first], keys[1:], new)}
    if isinstance(tree, list) and isinstance(first, int):
        return [*tree[:first], replaced(tree[first], keys[1:], new), *tree[first + 1 :]]
    raise LookupError(keys)
