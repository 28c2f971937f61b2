"""AddImport: one more import where imports stand: behind those the file has, `from __future__` in front of all."""

import ast
import re

from agent.edit.piece import Piece, read_piece
from agent.edit.source import Source, is_definition, refuse
from agent.records.edits import AddImport, Refused

_MUST_LEAD = re.compile(r"#!|#.*coding[:=]")


def add_import(source: Source, edit: AddImport) -> str | Refused:
    """The file's new text; the old one where the file has these imports already."""
    piece = read_piece(edit.code, "code")
    if isinstance(piece, Refused):
        return piece
    if not piece.tree.body or not all(
        isinstance(node, ast.Import | ast.ImportFrom) for node in piece.tree.body
    ):
        return refuse("syntax", "`code` is not an import statement", edit.code)
    if _imported(piece.tree.body) <= _imported(source.tree.body):
        return source.mark + source.text
    after = _anchor(source, future=_is_future(piece.tree.body[0]))
    return _first(source, piece) if after is None else _behind(source, piece, after)


def _imported(body: list[ast.stmt]) -> set[tuple[str | None, int, str, str | None]]:
    """What each import at the top level binds: (from, dots, name, as)."""
    names: set[tuple[str | None, int, str, str | None]] = set()
    for node in body:
        if isinstance(node, ast.Import):
            names |= {(None, -1, alias.name, alias.asname) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.module, node.level, alias.name, alias.asname) for alias in node.names}
    return names


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _anchor(source: Source, future: bool) -> ast.stmt | None:
    """The statement to stand behind: the last import in front of the first definition, else the docstring, else None."""
    body = source.tree.body
    anchor = body[0] if body and _is_docstring(body[0]) else None
    for node in body:
        if is_definition(node):
            break
        if _is_future(node) if future else isinstance(node, ast.Import | ast.ImportFrom):
            anchor = node
    return anchor


def _behind(source: Source, piece: Piece, after: ast.stmt) -> str:
    line = after.end_lineno or after.lineno
    # `import a; x = """` may go on over the end of the line, through its neighbours
    line = max(line, *(node.end_lineno or 0 for node in source.tree.body if node.lineno <= line))
    end = source.line_start(line + 1)
    text = piece.indented("", source)
    blank = source.newline if _is_docstring(after) else ""
    if not source.text[:end].endswith(("\n", "\r")):
        return source.splice(end, end, source.newline + blank + text.removesuffix(source.newline))
    return source.splice(end, end, blank + text)


def _first(source: Source, piece: Piece) -> str:
    """In front of all code, behind the comments that a file begins with."""
    line, lines = 1, source.text.count("\n") + 1
    limit = source.tree.body[0].lineno if source.tree.body else lines
    while line < limit and source.lines(line, line).startswith("#"):
        line += 1
    if line == limit and not any(
        _MUST_LEAD.match(source.lines(n, n)) for n in range(1, min(line, 3))
    ):
        line = 1
    at = source.line_start(line)
    return source.splice(at, at, piece.indented("", source))
