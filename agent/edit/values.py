"""Values of files other than Python by their path: read, and set with every other byte kept."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal as Choice

from agent.edit.above import comment_above, lines_of
from agent.edit.code_values import read_code
from agent.edit.ini_values import read_ini
from agent.edit.json_values import read_json
from agent.edit.literal import Literal
from agent.edit.shell_values import read_shell
from agent.edit.source import refuse, unknown
from agent.edit.toml_values import read_toml
from agent.edit.value_text import code_text, ini_text, json_text, toml_text, yaml_text
from agent.edit.value_tree import (
    MAX_TEXT,
    USE_TEXT,
    Document,
    Item,
    Keys,
    Tree,
    at,
    line_of,
    literal_of,
    path_of,
    replaced,
)
from agent.edit.yaml_values import read_yaml
from agent.records.edits import Refused

Language = Choice["yaml", "toml", "json", "code", "ini", "shell"]
"""code: C and what writes its named numbers alike. ini: also gin and properties."""

KEPT = 128  # files whose values are kept for the next who asks
MAX_SUGGESTED = 500  # paths that a wrong one is compared with
_SUFFIXES: dict[str, Language] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".jsonc": "json",
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cu", ".cuh"), "code"),
    **dict.fromkeys((".rs", ".go", ".jl", ".js", ".mjs", ".cjs", ".ts"), "code"),
    **dict.fromkeys((".ini", ".cfg", ".conf", ".properties", ".gin"), "ini"),
    **dict.fromkeys((".sh", ".bash", ".zsh"), "shell"),
}
_READERS: dict[Language, Callable[[str], Document | Refused]] = {
    "yaml": read_yaml,
    "toml": read_toml,
    "json": read_json,
    "code": read_code,
    "ini": read_ini,
    "shell": read_shell,
}
_WRITERS: dict[Language, Callable[[Literal, str], str]] = {
    "yaml": yaml_text,
    "toml": toml_text,
    "json": json_text,
    "code": code_text,
    "ini": ini_text,
    "shell": ini_text,
}
_BEFORE_VALUE: dict[Language, str] = {
    "yaml": "",
    "toml": "value = ",
    "json": "",
    "code": "#define value ",
    "ini": "value = ",
    "shell": "value=",
}
# What a line of comment begins with.
_MARKS: dict[Language, str] = {
    "yaml": "#",
    "toml": "#",
    "json": "//",
    "code": "//",
    "ini": "#",
    "shell": "#",
}
_COMMENT = re.compile(r"[ \t]*+,?[ \t]*+(#[^\r\n]*+)")
_JSON_COMMENT = re.compile(r"[ \t]*+,?[ \t]*+((?://|/\*)[^\r\n]*+)")
_CODE_COMMENT = re.compile(r"[uUlLfF]*+[ \t)]*+;?[ \t]*+((?://|#|/\*)[^\r\n]*+)")
_INI_COMMENT = re.compile(r"[ \t]*+([#;][^\r\n]*+)")
_SHELL_COMMENT = re.compile(r"[\"'}]*+[ \t]*+(#[^\r\n]*+)")
_COMMENTS = {
    "code": _CODE_COMMENT,
    "json": _JSON_COMMENT,
    "ini": _INI_COMMENT,
    "shell": _SHELL_COMMENT,
}
_BLANK_REST = re.compile(r"[ \t]*+(?:#[^\r\n]*+)?(?=[\r\n]|\Z)")
_BLANKS = " \t\r\n"
"""What a value may be surrounded by; other white space is a part of a text in YAML."""
_MARK = "\ufeff"


@dataclass(frozen=True)
class Entry:
    """A constant of a file."""

    path: str
    """`optim.lr`, `optim.betas[0]`; other keys than words are JSON strings: `"a.b".c`."""
    value: Literal
    comment: str
    """The comment after it on its line, with its "#"; "" if there is none."""
    line: int
    text: str
    """The value as it is written."""
    above: str = ""
    """The comment above it, or the heading of the values around it."""


@dataclass(frozen=True)
class _New:
    """A new value, read on its own."""

    tree: Tree
    value: Literal | None


def language_of(path: str) -> Language | None:
    """Return the language of a file by its suffix, in small or capital letters."""
    name = path.rpartition("/")[2]
    _, dot, suffix = name.rpartition(".")
    return _SUFFIXES.get(dot + suffix.lower())


def entries(language: Language, text: str) -> dict[str, Entry] | Refused:
    """Return the constants of a file by path, in its order; shared, so nobody may change it.

    No constants are: null, dates, infinity, numbers that readers take for different ones (010,
    1:30), references (`${other.key}`), aliases, and values whose path is longer than MAX_NAME.
    """
    document = document_of(language, text)
    return document if isinstance(document, Refused) else _kept_entries(language, text)


@lru_cache(maxsize=KEPT)
def _kept_entries(language: Language, text: str) -> dict[str, Entry] | Refused:
    document = document_of(language, text)
    if isinstance(document, Refused):
        return document
    constants: dict[str, Entry] = {}
    lines = _Lines(document.text)
    by_line = lines_of(document.text)
    for item in document.items:
        path = path_of(item.keys)
        if item.value is None or not path:
            continue
        written = document.text[item.start : item.end].replace(item.tail, "", 1)
        comment = _comment(language, document.text, item)
        line = lines.of(item.start)
        above = comment_above(by_line, line, _MARKS[language])
        constants[path] = Entry(path, item.value, comment, line, written, above)
    return constants


def set_value(language: Language, text: str, path: str, value: str) -> str | Refused:
    """Return a file's text with another value at `path`.

    path: of a constant, or of any other value that is written in the file.
    value: in the file's language; in YAML a list or a map in brackets, `[1, 2]`, no block.
    """
    document = document_of(language, text)
    if isinstance(document, Refused):
        return document
    item = _item(document, path)
    if isinstance(item, Refused):
        return item
    value = value.strip(_BLANKS)
    new = _read_value(language, value, item.tag)
    if isinstance(new, Refused):
        return new
    mark = text[: len(text) - len(document.text)]
    result = mark + _spliced(document.text, item, value)
    if not _only_changed(document, item, new, document_of(language, result)):
        hint = f"the file around it does not allow that; {USE_TEXT}"
        return refuse("syntax", f"value {value} at {path}", hint)
    return result


def written(language: Language, value: Literal, old: Entry) -> str:
    """Return a finite value in the file's language, spelled like the old one where that fits."""
    return _WRITERS[language](value, old.text)


def normalised_text(language: Language, text: str) -> str:
    """Return the same for texts with the same values; the text itself if it is not read.

    Comments, layout, quotes, the order of keys and spellings that every reader of the language
    takes for the same value make no difference.
    """
    document = document_of(language, text)
    if isinstance(document, Refused):
        return text
    return json.dumps([document.tree, document.marks], sort_keys=True)


class _Lines:
    """Counts lines up to indexes that only grow, so that a file is read once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self._line = 1

    def of(self, index: int) -> int:
        """Return the line of text[index]."""
        if index < self._index:
            return line_of(self._text, index)
        self._line += line_of(self._text[self._index : index], index) - 1
        self._index = index
        return self._line


def document_of(language: Language, text: str) -> Document | Refused:
    """Return the values of a file with their places and meanings."""
    if len(text) > MAX_TEXT:
        hint = f"longer than {MAX_TEXT} characters; {USE_TEXT}"
        return refuse("syntax", "the whole file", hint)
    return _kept_document(language, text)


@lru_cache(maxsize=KEPT)
def _kept_document(language: Language, text: str) -> Document | Refused:
    return _READERS[language](text.removeprefix(_MARK))


def _comment(language: Language, text: str, item: Item) -> str:
    if item.tail.strip():
        return item.tail.strip()
    pattern = _COMMENTS.get(language, _COMMENT)
    comment = pattern.match(text, item.end)
    return comment[1].rstrip() if comment else ""


def _item(document: Document, path: str) -> Item | Refused:
    """Return the value at a path."""
    items = {}
    for item in document.items:
        name = path_of(item.keys)
        if name:
            items[name] = item
    if path in items:
        return items[path]
    inside = (f"{path}.", f"{path}[")
    if path and any(name.startswith(inside) for name in items):
        hint = f"it is a table: set the values in it, or {USE_TEXT}"
        return refuse("unknown-name", f"value {path}", hint)
    return _unknown(path, list(items))


def _unknown(path: str, paths: list[str]) -> Refused:
    last = path.rpartition(".")[2]
    alike = [name for name in paths if name.rpartition(".")[2] == last]
    refused = unknown("value", path, (alike or paths)[:MAX_SUGGESTED])
    return refuse(refused.reason, refused.where, f"{refused.hint}; to add a key, {USE_TEXT}")


def _read_value(language: Language, value: str, tag: str) -> _New | Refused:
    """Return what a value means behind the tag that stays."""
    if literal_of(value) is None or len(value) > MAX_TEXT:
        hint = f"write text that UTF-8 can hold, of at most {MAX_TEXT} characters"
        return refuse("syntax", f"`value` {value}", hint)
    before = _BEFORE_VALUE[language] or (f"{tag} " if tag else "")
    # A line break ends the last line of a block of YAML, as in a file.
    document = _READERS[language](f"{before}{value}\n")
    if isinstance(document, Refused):
        return refuse("syntax", f"`value` {value}: {document.where}", f"write it in {language}")
    root = next(iter(document.items), None)
    whole = root is not None and (root.start, root.end) == (len(before), len(before) + len(value))
    odd = any(kind.startswith(("anchor", "loose")) for _, kind in document.marks)
    if not whole or not value or odd:
        hint = "without a comment, an anchor or a second value"
        return refuse("syntax", f"`value` {value} is not one value in {language}", hint)
    assert root is not None
    return _New(at(document.tree, root.keys), root.value)


def _spliced(text: str, item: Item, value: str) -> str:
    first, newline, rest = value.partition("\n")
    tail = item.tail
    end = item.end
    if newline and first[0] in "|>" and not tail:
        # The comment of a block of text is on its first line.
        tail = text[end : _end_of_line(text, end)]
        end += len(tail)
    return text[: item.start] + item.lead + first + tail + newline + rest + text[end:]


def _end_of_line(text: str, index: int) -> int:
    """Return the index after blanks and a comment."""
    rest = _BLANK_REST.match(text, index)
    return rest.end() if rest else index


def _only_changed(old: Document, item: Item, new: _New, result: Document | Refused) -> bool:
    """Return whether a result is the old document but for the value of `item`."""
    if isinstance(result, Refused):
        return False
    if item.tag and item.value is not None and new.value is None:
        return False
    # Aliases name their anchor by its number, so anchors are the same too.
    return result.tree == replaced(old.tree, item.keys, new.tree)


def value_of(language: Language, text: str) -> Literal | None:
    """Return the constant that a text is in a language on its own, or None if it is none."""
    new = _read_value(language, text.strip(_BLANKS), "")
    return None if isinstance(new, Refused) else new.value


def section_of(language: Language, text: str, path: str) -> str | None:
    """Return the same for files with the same values at `path`, and below it; None if it is not.

    Other than in `entries`, everything counts: null, dates, references, aliases, empty tables.
    """
    document = document_of(language, text)
    if isinstance(document, Refused):
        return None
    for item in document.items:
        for length in range(1, len(item.keys) + 1):
            keys = item.keys[:length]
            if path_of(keys) == path:
                return _section(document, keys)
    return None


def _section(document: Document, keys: Keys) -> str:
    marks = [mark for mark in document.marks if mark[0][: len(keys)] == keys]
    return json.dumps([at(document.tree, keys), marks], sort_keys=True)
