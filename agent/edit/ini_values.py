"""Reads the values of INI files and their like by section and key: `[optim]`, `lr = 0.1`.

Also of files without sections, as gin and Java's properties are: `Adam.learning_rate = 0.1`.
"""

import re
from collections.abc import Iterator

from agent.edit.literal import Literal
from agent.edit.named_values import Named, document_of_named
from agent.edit.value_tree import MAX_DEPTH, Document, Keys
from agent.records.edits import Refused

NUMBER = r"[-+]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][-+]?[0-9]{1,5})?"
_OCTAL = re.compile(r"[-+]?0[0-9]+")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_LINE = re.compile(r"[^\r\n]+")
_SECTION = re.compile(r"\[(?P<name>[^\[\]]{1,200})\]\s*(?:[#;].*)?$")
_PAIR = re.compile(
    r"(?P<key>[A-Za-z_][\w./@-]{0,120})[ \t]{0,80}[=:][ \t]{0,80}"
    rf"(?P<value>{NUMBER}|[A-Za-z_][\w.+/-]{{0,200}})[ \t]{{0,80}}(?:(?<=[ \t])[#;].*)?$"
)


def read_ini(text: str) -> Document | Refused:
    """Return the numbers, switches and words of a text, each by its section and key."""
    return document_of_named(text, _values(text))


def value_in(text: str) -> Literal | None:
    """Return the value that a word or number stands for; None for one such as 010."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if not re.fullmatch(NUMBER, text):
        return text
    if _OCTAL.fullmatch(text):
        return None
    return float(text) if set(text) & set(".eE") else int(text)


def _values(text: str) -> Iterator[Named]:
    """Yield the values; one that goes on in an indented line below it is none."""
    section: Keys = ()
    waiting: Named | None = None
    indent = 0
    for line in _LINE.finditer(text):
        bare = line[0].lstrip(" \t")
        if not bare.strip() or bare[0] in "#;":
            continue
        depth = len(line[0]) - len(bare)
        header = _SECTION.match(bare)
        if header is None and waiting and depth > indent:
            waiting = None
            continue
        if waiting:
            yield waiting
        indent = depth
        waiting = None if header else _pair(section, bare, line.start() + depth)
        if header:
            section = (header["name"].strip(),)
    if waiting:
        yield waiting


def _pair(section: Keys, line: str, start: int) -> Named | None:
    pair = _PAIR.match(line)
    value = value_in(pair["value"]) if pair else None
    if pair is None or value is None:
        return None
    keys = (*section, *pair["key"].split("."))
    if len(keys) > MAX_DEPTH or not all(keys):
        return None
    return Named(keys, start + pair.start("value"), start + pair.end("value"), value)
