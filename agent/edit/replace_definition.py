"""ReplaceDefinition: another body, signature or decorators; the comments above stay."""

import ast
from dataclasses import dataclass

from agent.edit.piece import Piece, read_piece
from agent.edit.source import Definition, Source, first_line, is_definition, refuse
from agent.records.edits import Refused, ReplaceDefinition

# Of the statements in a `code` that is not one definition, so many are named.
MAX_KINDS = 5


@dataclass(frozen=True)
class NewDefinition:
    """The one function or class in a piece of code."""

    piece: Piece
    node: Definition


def replace_definition(source: Source, edit: ReplaceDefinition) -> str | Refused:
    """Return the file's new text; `syntax` unless `code` is exactly one definition."""
    place = source.find(edit.name)
    if isinstance(place, Refused):
        return place
    new = one_definition(edit.code)
    if isinstance(new, Refused):
        return new
    start, end = definition_span(source, place.node)
    text = new.piece.indented(source.indent_of(place.node), source)
    return source.splice(start, end, fitted(text, source, start, end))


def one_definition(code: str) -> NewDefinition | Refused:
    """Return the one function or class in `code`."""
    piece = read_piece(code, "code")
    if isinstance(piece, Refused):
        return piece
    body = piece.tree.body
    if len(body) == 1 and is_definition(body[0]):
        return NewDefinition(piece, body[0])
    kinds = ", ".join(type(node).__name__ for node in body[:MAX_KINDS])
    return refuse(
        "syntax",
        f"`code` is not exactly one function or class: {kinds or 'empty'}",
        "use one edit per definition",
    )


def definition_span(source: Source, node: ast.stmt) -> tuple[int, int]:
    """Return the place of a statement's whole lines, from its first decorator to its last break."""
    start = source.line_start(first_line(node))
    end = source.line_start((node.end_lineno or node.lineno) + 1)
    return start, end


def fitted(text: str, source: Source, start: int, end: int) -> str:
    """Return `text` without its last line break if it ends a file that ends without one."""
    at_end = end == len(source.text)
    bare = at_end and not source.text[start:end].endswith(("\n", "\r"))
    return text.removesuffix(source.newline) if bare else text
