"""InsertDefinition: a new function or class after another one, in its scope."""

import ast

from agent.edit.piece import Piece
from agent.edit.replace_definition import NewDefinition, definition_span, fitted, one_definition
from agent.edit.source import Block, Source, first_line, is_definition, refuse
from agent.records.edits import InsertDefinition, Refused


def insert_definition(source: Source, edit: InsertDefinition) -> str | Refused:
    """Return the file's new text.

    Blank lines at the beginning of `code` stay as they are; without any, PEP 8 says how many.
    """
    new = one_definition(edit.code)
    if isinstance(new, Refused):
        return new
    if edit.before is not None:
        return _in_front(source, edit.before, new)
    if edit.after is None:
        block = Block("", None, source.tree.body)
        after = _last(source)
    else:
        place = source.find(edit.after)
        if isinstance(place, Refused):
            return place
        block = place.block
        after = place.node
    if _is_taken(new, block):
        return _taken(new)
    return _after(source, after, new.piece) if after else _alone(source, new.piece)


def _taken(new: NewDefinition) -> Refused:
    name = new.node.name
    return refuse("ambiguous", f"{name} is already defined there", "use replace_definition")


def _in_front(source: Source, name: str, new: NewDefinition) -> str | Refused:
    """Insert before the definition `name` and the comments directly above it."""
    place = source.find(name)
    if isinstance(place, Refused):
        return place
    if _is_taken(new, place.block):
        return _taken(new)
    if source.shares_line(place.node):
        where = f"{name} shares its line with other code"
        return refuse("ambiguous", where, "use replace_statements")
    indent = source.indent_of(place.node)
    line = first_line(place.node)
    while line > 1 and source.lines(line - 1, line - 1).lstrip(" \t").startswith("#"):
        line -= 1
    start = source.line_start(line)
    blank = source.newline * (1 if indent else 2)
    return source.splice(start, start, new.piece.indented(indent, source) + blank)


def _is_taken(new: NewDefinition, block: Block) -> bool:
    """Return whether the block has the name; a decorated one (`@overload`) may repeat it."""
    if new.node.decorator_list:
        return False
    return any(is_definition(node) and node.name == new.node.name for node in block.body)


def _last(source: Source) -> ast.stmt | None:
    """Return the module's last definition, else the last of its first imports and constants."""
    last: ast.stmt | None = None
    for node in source.tree.body:
        if is_definition(node):
            last = node
    if last:
        return last
    for node in source.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        head = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
        if not docstring and not head:
            break
        last = node
    return last


def _after(source: Source, anchor: ast.stmt, piece: Piece) -> str:
    indent = source.indent_of(anchor)
    start, end = definition_span(source, anchor)
    text = piece.indented(indent, source)
    if not piece.text.startswith("\n"):
        blank_lines = 1 if indent else 2
        text = source.newline * blank_lines + text
    if not source.text[start:end].endswith(("\n", "\r")):
        return source.splice(end, end, source.newline + fitted(text, source, start, end))
    at_end = end == len(source.text)
    if not at_end and not indent and not is_definition(anchor):
        text += source.newline * 2
    return source.splice(end, end, text)


def _alone(source: Source, piece: Piece) -> str:
    """Insert before everything, since the file is empty or begins with code that may need it."""
    text = piece.indented("", source)
    start = len(source.text)
    if source.tree.body:
        start = source.line_start(source.tree.body[0].lineno)
        text += source.newline * 2
    if start and not source.text[:start].endswith(("\n", "\r")):
        text = source.newline + text
    return source.splice(start, start, text)
