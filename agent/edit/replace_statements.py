"""ReplaceStatements: other code for one run of whole statements, found by content, not layout."""

import ast
import difflib
from dataclasses import dataclass

from agent.edit.piece import Piece, read_piece
from agent.edit.replace_definition import fitted
from agent.edit.source import Block, Source, first_line, refuse
from agent.records.edits import Refused, ReplaceStatements

# A refusal quotes so many similar statements.
QUOTED_LINES = 3


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

    @property
    def fills_block(self) -> bool:
        """Whether a block that a statement owns would be empty without the run."""
        return self.block.owner is not None and len(self.nodes) == len(self.block.body)


def replace_statements(source: Source, edit: ReplaceStatements) -> str | Refused:
    """Return the file's new text.

    Statements are compared as syntax trees: indentation, line breaks, comments, redundant
    parentheses and the kind of quotes do not matter. `unknown-name` with the nearest statements if
    none match, `ambiguous` if several runs do. Comments inside the run and after its last statement
    are replaced with it; those above it stay.
    """
    old = read_piece(edit.old, "old")
    if isinstance(old, Refused):
        return old
    new = read_piece(edit.new, "new")
    if isinstance(new, Refused):
        return new
    if not old.tree.body:
        return refuse("syntax", "`old` has no statement")
    blocks = _blocks(source, edit.within)
    if isinstance(blocks, Refused):
        return blocks
    runs: list[Run] = []
    for block in blocks:
        runs += _runs(block, old.tree.body)
    if not runs:
        nearest = _nearest(source, blocks, old)
        return refuse("unknown-name", "no statements match `old`", f"the nearest are: {nearest}")
    if len(runs) > 1:
        lines = ", ".join(str(first_line(run.nodes[0])) for run in runs)
        return refuse(
            "ambiguous",
            f"{len(runs)} runs of statements match `old`",
            f"on lines {lines}; give more lines, or `within`",
        )
    return _replaced(source, runs[0], new)


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
    starts = range(len(block.body) - size + 1)
    return [
        Run(block, start, start + size)
        for start in starts
        if same(block.body[start : start + size], wanted)
    ]


def same(left: object, right: object) -> bool:
    """Return whether two trees are equal apart from their places; stops at the first difference."""
    if type(left) is not type(right):
        return False
    if isinstance(left, ast.AST):
        fields = (field for field in left._fields if field != "kind")
        return all(
            same(getattr(left, field, None), getattr(right, field, None)) for field in fields
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float | complex):
        return repr(left) == repr(right)  # -0.0 is not 0.0
    return left == right


def _nearest(source: Source, blocks: list[Block], old: Piece) -> str:
    """Return the lines of the file that look most like the first one of `old`."""
    lines = []
    for block in blocks:
        for node in block.body:
            line = first_line(node)
            lines.append(source.lines(line, line).strip())
    first, _, _ = old.text.strip().partition("\n")
    matches = difflib.get_close_matches(first, lines, n=QUOTED_LINES, cutoff=0.3)
    return " / ".join(matches) or "none alike"


def _replaced(source: Source, run: Run, new: Piece) -> str:
    first = run.nodes[0]
    last = run.nodes[-1]
    end = source.end(last)
    stop = source.line_start((last.end_lineno or 0) + 1)
    rest = source.text[end:stop].strip(" \t\f\r\n").removeprefix(";").strip(" \t")
    opens = not source.shares_line(first)
    closes = not rest or rest.startswith("#")
    if opens and closes:
        return _on_own_lines(source, run, new, source.line_start(first_line(first)), stop)
    if new.inline:
        return source.splice(source.start(first), end, new.text.strip().rstrip(";"))
    return _unfolded(source, run, new, opens, "" if closes else rest)


def _on_own_lines(source: Source, run: Run, new: Piece, start: int, stop: int) -> str:
    """Replace a run that has its lines to itself: the usual case."""
    indent = source.indent_of(run.nodes[0])
    text = new.indented(indent, source)
    if not new.tree.body and run.fills_block:
        text += indent + "pass" + source.newline
    return source.splice(start, stop, fitted(text, source, start, stop))


def _unfolded(source: Source, run: Run, new: Piece, opens: bool, rest: str) -> str:
    """Replace a run that shares lines (`if x: a; b`): each part gets lines of its own.

    opens: the run begins its line. rest: the code after it on its last line.
    """
    first = run.nodes[0]
    indent = source.indent_of(first)
    start = source.line_start(first_line(first))
    stop = source.line_start((run.nodes[-1].end_lineno or 0) + 1)
    folded = run.block.owner is not None and source.shares_line(run.block.body[0])
    inner = indent + source.unit if folded else indent
    head = source.text[start : source.start(first)]
    if folded and run.start:
        # The statements before the run, in the header's line, need lines of their own too.
        opening = source.start(run.block.body[0])
        header = source.text[start:opening].rstrip()
        before = source.text[opening : source.start(first)]
        head = header + source.newline + inner + before
    text = "" if opens else head.rstrip(" \t;") + source.newline
    text += new.indented(inner, source)
    if rest:
        text += inner + rest + source.newline
    elif not new.tree.body and run.fills_block:
        text += inner + "pass" + source.newline
    return source.splice(start, stop, fitted(text, source, start, stop))
