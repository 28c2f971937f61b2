"""Edits, compares and hashes one file, by the rules of its language."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from agent.edit.apply import Applied, apply
from agent.edit.diff import diff
from agent.edit.fingerprint import fingerprint
from agent.edit.json_values import LOOSE
from agent.edit.replace_text import difference_of_texts, replace_text
from agent.edit.size import code_lines
from agent.edit.source import refuse
from agent.edit.value_changes import changes
from agent.edit.values import (
    Language,
    document_of,
    entries,
    language_of,
    normalised_text,
    set_value,
)
from agent.records.edits import (
    Edit,
    Refused,
    ReplaceText,
    RewriteFile,
    SetConstant,
)
from agent.records.sources import MAX_CHARACTERS

Edits = tuple[Edit, ...]
# What a file of some lines costs to hash is kept for a project of a thousand files.
KEPT_FILES = 4096


def is_python(path: str) -> bool:
    """Return whether a file holds Python."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(stem) and dot + suffix in (".py", ".pyw")


def edited(path: str, text: str, edits: Sequence[Edit]) -> str | Refused:
    """Return the file's text after `edits`, applied in turn, or why they cannot be applied.

    Every byte that no edit names is as it was. A file that parsed still does. Never raises.
    """
    if is_python(path):
        applied = apply(text, edits)
        return applied.source if isinstance(applied, Applied) else applied
    language = language_of(path)
    current: str | Refused = text
    for edit in edits:
        if isinstance(current, Refused):
            return current
        current = _edited(language, current, edit)
    if isinstance(current, Refused):
        return current
    if len(current) > MAX_CHARACTERS:
        return refuse("syntax", "the new text", f"longer than {MAX_CHARACTERS} characters")
    if "\0" in current:
        return refuse("syntax", "the new text", "it has a NUL character: the file would be binary")
    return _broken(language, text, current) or current


def _edited(language: Language | None, text: str, edit: Edit) -> str | Refused:
    match edit:
        case RewriteFile(code=code):
            return code
        case ReplaceText():
            return replace_text(text, edit)
        case SetConstant(name=name, value=value) if language:
            return set_value(language, text, name, value)
    kinds = "set_constant, replace_text or rewrite_file" if language else "replace_text"
    return refuse("outside-file", f"{edit.kind} is for Python files", f"use {kinds}")


def _broken(language: Language | None, old: str, new: str) -> Refused | None:
    """Return why the new text cannot be parsed, if the old one could; else None."""
    if language is None or old == new:
        return None
    before = document_of(language, old)
    after = document_of(language, new)
    if isinstance(before, Refused) or isinstance(after, Refused):
        return after if isinstance(after, Refused) and not isinstance(before, Refused) else None
    if language == "json" and after.marks == LOOSE != before.marks:
        return refuse("syntax", "the new text", "it has comments, or a comma before a bracket")
    return None


def fault_of_new(path: str, text: str) -> Refused | None:
    """Return why no new file can have this text, or None."""
    if len(text) > MAX_CHARACTERS or "\0" in text:
        return refuse("syntax", path, f"it is binary, or longer than {MAX_CHARACTERS} characters")
    read = edited(path, "", [RewriteFile(code=text)])
    if isinstance(read, Refused):
        return read
    language = language_of(path)
    parsed = entries(language, text) if language else None
    return parsed if isinstance(parsed, Refused) else None


def difference_in(path: str, old: str, new: str) -> Edits:
    """Return edits that lead from one text of a file to another, byte for byte; () if equal."""
    if old == new:
        return ()
    if is_python(path):
        return diff(old, new)
    language = language_of(path)
    values = changes(language, old, new) if language else None
    if values:
        return tuple(SetConstant(name=name, value=value) for name, value in values)
    return difference_of_texts(old, new)


@lru_cache(maxsize=KEPT_FILES)
def fingerprint_in(path: str, text: str) -> str:
    """Return a hash of a file's meaning: without comments and layout if its language is known."""
    if is_python(path):
        return fingerprint(text)
    language = language_of(path)
    body = normalised_text(language, text) if language else text
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=KEPT_FILES)
def lines_in(path: str, text: str) -> int:
    """Return the lines of a file's code; comments and layout of Python do not count."""
    if is_python(path):
        return code_lines(text)
    return sum(1 for line in text.splitlines() if line.strip())
