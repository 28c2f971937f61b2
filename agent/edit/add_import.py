"""AddImport: adds an import after the file's other ones; `from __future__` before all."""

import ast
import re
from dataclasses import dataclass

from agent.edit.piece import Piece, read_piece
from agent.edit.source import Source, is_definition, is_docstring, refuse
from agent.records.edits import AddImport, Refused

# Comments that must stay in the first two lines of a file.
_MUST_LEAD = re.compile(r"#!|#.*coding[:=]")


@dataclass(frozen=True)
class _Imported:
    """One name that an import binds."""

    module: str | None
    """None for `import name`."""
    level: int
    """The dots of a relative import."""
    name: str
    alias: str | None


def add_import(source: Source, edit: AddImport) -> str | Refused:
    """Return the file's new text; the old one if the file has these imports already."""
    piece = read_piece(edit.code, "code")
    if isinstance(piece, Refused):
        return piece
    body = piece.tree.body
    if not body or not all(isinstance(node, ast.Import | ast.ImportFrom) for node in body):
        return refuse("syntax", "`code` is not an import statement", edit.code)
    if _imported(body) <= _imported(source.tree.body):
        return source.mark + source.text
    after = _anchor(source, future=_is_future(body[0]))
    return _first(source, piece) if after is None else _after(source, piece, after)


def _imported(body: list[ast.stmt]) -> set[_Imported]:
    """Return the names that the imports at the top level bind."""
    names: set[_Imported] = set()
    for node in body:
        if isinstance(node, ast.Import):
            names |= {_Imported(None, 0, alias.name, alias.asname) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {
                _Imported(module, node.level, alias.name, alias.asname) for alias in node.names
            }
    return names


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _anchor(source: Source, future: bool) -> ast.stmt | None:
    """Return the statement to insert after, or None.

    The last import before the first definition, else the docstring. future: only imports from
    `__future__` count.
    """
    body = source.tree.body
    anchor = body[0] if body and is_docstring(body[0]) else None
    for node in body:
        if is_definition(node):
            break
        if _is_future(node) or (not future and isinstance(node, ast.Import | ast.ImportFrom)):
            anchor = node
    return anchor


def _after(source: Source, piece: Piece, anchor: ast.stmt) -> str:
    line = anchor.end_lineno or anchor.lineno
    # In `import a; x = """` a neighbour on the same line may end on a later one.
    neighbours = [node.end_lineno or 0 for node in source.tree.body if node.lineno <= line]
    end = source.line_start(max(line, *neighbours) + 1)
    text = piece.indented("", source)
    blank = source.newline if is_docstring(anchor) else ""
    if not source.text[:end].endswith(("\n", "\r")):
        return source.splice(end, end, source.newline + blank + text.removesuffix(source.newline))
    return source.splice(end, end, blank + text)


def _first(source: Source, piece: Piece) -> str:
    """Insert before all code, after the comments at the beginning of the file."""
    limit = source.text.count("\n") + 1
    if source.tree.body:
        limit = source.tree.body[0].lineno
    line = 1
    while line < limit and source.lines(line, line).startswith("#"):
        line += 1
    if line == limit:
        # These comments belong to the code below them, unless they must lead the file.
        leading = [source.lines(number, number) for number in range(1, min(line, 3))]
        if not any(_MUST_LEAD.match(comment) for comment in leading):
            line = 1
    place = source.line_start(line)
    return source.splice(place, place, piece.indented("", source))
