"""ReplaceDefinition: another body, signature or decorators for one function or class; the comments above it stay."""

import ast

from agent.edit.piece import Piece, read_piece
from agent.edit.source import Definition, Source, first_line, is_definition, refuse
from agent.records.edits import Refused, ReplaceDefinition


def replace_definition(source: Source, edit: ReplaceDefinition) -> str | Refused:
    """The file's new text; `syntax` unless `code` is exactly one definition."""
    place = source.find(edit.name)
    if isinstance(place, Refused):
        return place
    found = one_definition(edit.code)
    if isinstance(found, Refused):
        return found
    start, end = definition_span(source, place.node)
    text = found[0].indented(source.indent_of(place.node), source)
    return source.splice(start, end, fitted(text, source, start, end))


def one_definition(code: str) -> tuple[Piece, Definition] | Refused:
    """The piece and the one function or class that it is."""
    piece = read_piece(code, "code")
    if isinstance(piece, Refused):
        return piece
    body = piece.tree.body
    if len(body) != 1 or not is_definition(body[0]):
        kinds = ", ".join(type(node).__name__ for node in body[:5])
        return refuse(
            "syntax",
            f"`code` is not exactly one function or class: {kinds or 'empty'}",
            "one edit a definition",
        )
    return piece, body[0]


def definition_span(source: Source, node: ast.stmt) -> tuple[int, int]:
    """The whole lines of a statement that shares none: from its first decorator to behind its last line break."""
    return source.line_start(first_line(node)), source.line_start(
        (node.end_lineno or node.lineno) + 1
    )


def fitted(text: str, source: Source, start: int, end: int) -> str:
    """`text` with a line break at its end, unless it ends a file that ends without one."""
    at_end = end == len(source.text)
    bare = at_end and not source.text[start:end].endswith(("\n", "\r"))
    return text.removesuffix(source.newline) if bare else text
