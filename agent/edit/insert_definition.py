"""InsertDefinition: a new function or class behind another one, in its scope."""

import ast

from agent.edit.piece import Piece
from agent.edit.replace_definition import definition_span, fitted, one_definition
from agent.edit.source import Block, Definition, Source, is_definition, refuse
from agent.records.edits import InsertDefinition, Refused


def insert_definition(source: Source, edit: InsertDefinition) -> str | Refused:
    """The file's new text. Blank lines that `code` begins with are taken as they are; without, PEP 8 says how many."""
    found = one_definition(edit.code)
    if isinstance(found, Refused):
        return found
    piece, new = found
    if edit.after is None:
        block, after = Block("", None, source.tree.body), _last(source)
    else:
        place = source.find(edit.after)
        if isinstance(place, Refused):
            return place
        block, after = place.block, place.node
    if (
        any(is_definition(node) and node.name == new.name for node in block.body)
        and not new.decorator_list
    ):
        return refuse("ambiguous", f"{new.name} is already defined there", "use replace_definition")
    return _behind(source, after, piece) if after else _alone(source, piece)


def _last(source: Source) -> ast.stmt | None:
    """The last definition of the module; without one, the last of the imports and assignments that it begins with."""
    top = source.tree.body
    definitions: list[Definition] = [node for node in top if is_definition(node)]
    if definitions:
        return definitions[-1]
    head: ast.stmt | None = None
    for node in top:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(
            node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign
        ):
            break
        head = node
    return head


def _behind(source: Source, after: ast.stmt, piece: Piece) -> str:
    indent = source.indent_of(after)
    start, end = definition_span(source, after)
    blank = "" if piece.text.startswith("\n") else source.newline * (1 if indent else 2)
    text = blank + piece.indented(indent, source)
    if not source.text[start:end].endswith(("\n", "\r")):
        return source.splice(end, end, source.newline + fitted(text, source, start, end))
    at_end = end == len(source.text)
    follows = "" if at_end or indent or is_definition(after) else source.newline * 2
    return source.splice(end, end, text + follows)


def _alone(source: Source, piece: Piece) -> str:
    """In front of everything: the file is empty, or begins with code that may need the definition."""
    text = piece.indented("", source)
    start = source.line_start(source.tree.body[0].lineno) if source.tree.body else len(source.text)
    between = source.newline * 2 if source.tree.body else ""
    before = source.newline if start and not source.text[:start].endswith(("\n", "\r")) else ""
    return source.splice(start, start, before + text + between)
