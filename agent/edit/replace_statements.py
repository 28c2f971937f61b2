"""ReplaceStatements: other code for one run of whole statements, found by what it says and not by how it is laid out."""

import ast
import difflib
from dataclasses import dataclass

from agent.edit.piece import Piece, read_piece
from agent.edit.replace_definition import fitted
from agent.edit.source import Block, Source, first_line, refuse
from agent.records.edits import Refused, ReplaceStatements

SAID_LINES = 3


@dataclass(frozen=True)
class Run:
    """Statements that follow each other in a block."""

    block: Block
    start: int
    stop: int

    @property
    def nodes(self) -> list[ast.stmt]:
        """The statements of the run."""
        return self.block.body[self.start : self.stop]


def replace_statements(source: Source, edit: ReplaceStatements) -> str | Refused:
    """The file's new text.

    Statements are compared as syntax trees: indentation, line breaks, comments, redundant parentheses and the kind of quotes
    do not matter. `unknown-name` with the nearest statements where none match, `ambiguous` where several runs do. Comments
    inside the run and behind its last statement are replaced with it; those above it stay.
    """
    old, new = read_piece(edit.old, "old"), read_piece(edit.new, "new")
    if isinstance(old, Refused):
        return old
    if isinstance(new, Refused):
        return new
    if not old.tree.body:
        return refuse("syntax", "`old` holds no statement")
    blocks = _blocks(source, edit.within)
    if isinstance(blocks, Refused):
        return blocks
    found = [run for block in blocks for run in _runs(block, old.tree.body)]
    if not found:
        return refuse(
            "unknown-name",
            "no statements read `old`",
            f"the nearest are: {_nearest(source, blocks, old)}",
        )
    if len(found) > 1:
        lines = ", ".join(str(first_line(run.nodes[0])) for run in found)
        return refuse(
            "ambiguous",
            f"{len(found)} runs of statements read `old`",
            f"on lines {lines}; take more lines, or `within`",
        )
    return _replaced(source, found[0], new)


def _blocks(source: Source, within: str | None) -> list[Block] | Refused:
    if within is None:
        return source.blocks
    place = source.find(within)
    if isinstance(place, Refused):
        return place
    inside = {id(node) for node in ast.walk(place.node)}
    return [block for block in source.blocks if id(block.owner) in inside]


def _runs(block: Block, wanted: list[ast.stmt]) -> list[Run]:
    size = len(wanted)
    return [
        Run(block, start, start + size)
        for start in range(len(block.body) - size + 1)
        if all(
            same(have, want)
            for have, want in zip(block.body[start : start + size], wanted, strict=True)
        )
    ]


def same(one: object, two: object) -> bool:
    """Whether two trees are equal but for their places; stops at the first difference."""
    if type(one) is not type(two):
        return False
    if isinstance(one, ast.AST):
        return all(
            same(getattr(one, field, None), getattr(two, field, None))
            for field in one._fields
            if field != "kind"
        )
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return repr(one) == repr(two) if isinstance(one, float | complex) else one == two


def _nearest(source: Source, blocks: list[Block], old: Piece) -> str:
    """The statements that look most like the first of `old`, as they stand in the file."""
    lines = [
        source.lines(n := first_line(node), n).strip() for block in blocks for node in block.body
    ]
    first = old.text.strip().partition("\n")[0]
    return (
        " / ".join(difflib.get_close_matches(first, lines, n=SAID_LINES, cutoff=0.3))
        or "none alike"
    )


def _replaced(source: Source, run: Run, new: Piece) -> str:
    first, last = run.nodes[0], run.nodes[-1]
    start, end = source.start(first), source.end(last)
    opens = not source.shares_line(first)
    stop = source.line_start((last.end_lineno or 0) + 1)
    rest = source.text[end:stop].strip(" \t\f\r\n").removeprefix(";").strip(" \t")
    closes = not rest or rest.startswith("#")
    if opens and closes:
        return _lines(source, run, new, (source.line_start(first_line(first)), stop))
    if new.inline:
        return source.splice(start, end, new.text.strip().rstrip(";"))
    return _unfolded(source, run, new, opens, "" if closes else rest)


def _lines(source: Source, run: Run, new: Piece, span: tuple[int, int]) -> str:
    """The usual case: the run has its lines to itself."""
    indent = source.indent_of(run.nodes[0])
    text = new.indented(indent, source)
    if not new.tree.body and run.block.owner and len(run.nodes) == len(run.block.body):
        text += indent + "pass" + source.newline
    return source.splice(*span, fitted(text, source, *span))


def _unfolded(source: Source, run: Run, new: Piece, opens: bool, rest: str) -> str:
    """The run shares lines with others (`if x: a; b`): give the code in front, the new code and the rest lines of their own."""
    first = run.nodes[0]
    head = source.text[source.line_start(first_line(first)) : source.start(first)]
    stop = source.line_start((run.nodes[-1].end_lineno or 0) + 1)
    indent = source.indent_of(first)
    folded = run.block.owner is not None and source.shares_line(run.block.body[0])
    inner = indent + source.unit if folded else indent
    if (
        folded and run.start
    ):  # the statements in front, in the header's line, need lines of their own too
        opening = source.start(run.block.body[0])
        begin = source.line_start(first_line(first))
        head = (
            source.text[begin:opening].rstrip()
            + source.newline
            + inner
            + source.text[opening : source.start(first)]
        )
    text = "" if opens else head.rstrip(" \t;") + source.newline
    text += new.indented(inner, source)
    if rest:
        text += inner + rest + source.newline
    elif not new.tree.body and run.block.owner and len(run.nodes) == len(run.block.body):
        text += inner + "pass" + source.newline
    start = source.line_start(first_line(first))
    return source.splice(start, stop, fitted(text, source, start, stop))
