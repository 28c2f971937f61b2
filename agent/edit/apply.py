"""Applies typed edits to a file, all of them or none."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from agent.edit.add_import import add_import
from agent.edit.delete_definition import delete_definition
from agent.edit.insert_definition import insert_definition
from agent.edit.replace_definition import replace_definition
from agent.edit.replace_statements import replace_statements
from agent.edit.replace_text import replace_text
from agent.edit.rewrite_file import rewrite_file
from agent.edit.set_constant import set_constant, set_constants
from agent.edit.source import Source, read, refuse
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    Refused,
    ReplaceDefinition,
    ReplaceStatements,
    ReplaceText,
    RewriteFile,
    SetConstant,
)
from sandbox.ground.record import Record

_VERBS: dict[type[Edit], Callable[[Source, Any], str | Refused]] = {
    SetConstant: set_constant,
    ReplaceDefinition: replace_definition,
    InsertDefinition: insert_definition,
    DeleteDefinition: delete_definition,
    ReplaceStatements: replace_statements,
    AddImport: add_import,
}


class Applied(Record):
    """The result of edits on a file."""

    source: str


def apply(source: str, edits: Sequence[Edit]) -> Applied | Refused:
    """Return a Python file after `edits`, applied in turn, or why they cannot be applied.

    The file that an edit names does not matter here: agent/edit/files has seen to it. The result
    parses, and every byte that no edit names is as it was. Never raises, whatever the source and
    the edits contain.
    """
    if len(edits) > 0 and isinstance(edits[0], RewriteFile):
        current: Source | Refused = rewrite_file(edits[0])
        edits = edits[1:]
    else:
        current = read(source)
    for kind, group in groupby(edits, type):
        if isinstance(current, Refused):
            break
        run = list(group)
        at_once: Source | Refused | None = None
        if kind is SetConstant and len(run) > 1:
            at_once = _at_once(current, run)
        if kind is ReplaceText:
            at_once = _passages(current, run)
        current = at_once or _in_turn(current, run)
    if isinstance(current, Refused):
        return current
    return Applied(source=current.mark + current.text)


def _at_once(source: Source, edits: Sequence[Edit]) -> Source | None:
    """Return the file with all constants set at once; None if they must be set one by one."""
    constants = [edit for edit in edits if isinstance(edit, SetConstant)]
    try:
        text = set_constants(source, constants)
    except RecursionError:
        return None
    result = None if text is None else read(text)
    return result if isinstance(result, Source) else None


def _passages(source: Source, edits: Sequence[Edit]) -> Source | Refused:
    """Return the file with all passages replaced; only the last of its states must parse."""
    text: str | Refused = source.mark + source.text
    for edit in edits:
        if isinstance(edit, ReplaceText) and isinstance(text, str):
            text = replace_text(text, edit)
    if isinstance(text, Refused):
        return text
    result = read(text)
    if isinstance(result, Refused):
        return refuse("syntax", f"after replace_text: {result.where}", result.hint)
    return result


def _in_turn(source: Source, edits: Sequence[Edit]) -> Source | Refused:
    current: Source | Refused = source
    for edit in edits:
        if isinstance(current, Refused):
            break
        current = _made(current, edit)
    return current


def _made(source: Source, edit: Edit) -> Source | Refused:
    if isinstance(edit, RewriteFile):
        return rewrite_file(edit)
    text = made_text(source, edit)
    if isinstance(text, Refused):
        return text
    result = read(text)
    if isinstance(result, Refused):
        return refuse("syntax", f"after {edit.kind}: {result.where}", result.hint)
    return result


def made_text(source: Source, edit: Edit) -> str | Refused:
    """Return the file's new text after one edit, whether it parses or not."""
    if isinstance(edit, RewriteFile):
        return edit.code
    verb = _VERBS.get(type(edit))
    if verb is None:
        return refuse("outside-file", f"{edit.kind} is about whole files", "edit what is in it")
    try:
        return verb(source, edit)
    except RecursionError:
        return refuse("syntax", "the file is nested too deeply to be edited")
