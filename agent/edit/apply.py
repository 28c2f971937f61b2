"""Typed edits onto a file, all of them or none."""

from collections.abc import Callable, Sequence
from typing import Any

from agent.edit.add_import import add_import
from agent.edit.delete_definition import delete_definition
from agent.edit.insert_definition import insert_definition
from agent.edit.replace_definition import replace_definition
from agent.edit.replace_statements import replace_statements
from agent.edit.rewrite_file import rewrite_file
from agent.edit.set_constant import set_constant
from agent.edit.source import Source, read, refuse
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    Refused,
    ReplaceDefinition,
    ReplaceStatements,
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
    """The file with every edit made."""

    source: str


def apply(source: str, edits: Sequence[Edit]) -> Applied | Refused:
    """Make `edits` in turn. The result parses, and every byte that no edit names is as it was; otherwise nothing is done.

    Never raises, whatever the source and the edits hold.
    """
    if len(edits) > 0 and isinstance(edits[0], RewriteFile):
        current: Source | Refused = rewrite_file(edits[0])
        edits = edits[1:]
    else:
        current = read(source)
    for edit in edits:
        if isinstance(current, Refused):
            break
        current = _one(current, edit)
    return current if isinstance(current, Refused) else Applied(source=current.mark + current.text)


def _one(source: Source, edit: Edit) -> Source | Refused:
    if isinstance(edit, RewriteFile):
        return rewrite_file(edit)
    try:
        text = _VERBS[type(edit)](source, edit)
    except RecursionError:
        return refuse("syntax", "the file is nested too deeply to be edited")
    if isinstance(text, Refused):
        return text
    result = read(text)
    if isinstance(result, Refused):
        return refuse("syntax", f"after {edit.kind}: {result.where}", result.hint)
    return result
