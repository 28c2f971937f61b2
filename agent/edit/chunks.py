"""Cuts a block into chunks, statements with their comments, and pairs two versions of it."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import UnionType

from agent.edit.set_constant import bound_names
from agent.edit.source import Definition, Source, first_line, is_definition

# Comparing longer blocks takes time that grows with the square of their length, or faster.
MAX_CHUNKS = 2_000
# A definition that shares more of its lines with another one counts as renamed.
ALIKE = 0.5
# The most pairs of definitions that are compared.
MAX_COMPARED = 400
_NO_CODE = ("#", "\r", "\n", "")


@dataclass(frozen=True)
class Chunk:
    """Statements that share lines (nearly always one), with the comments and blank lines above."""

    source: Source
    nodes: tuple[ast.stmt, ...]
    lead: int
    """The line at which the comments and blank lines above begin."""
    first: int
    """The first line of the statements."""
    last: int
    """Their last line."""

    @property
    def node(self) -> ast.stmt:
        """The first statement."""
        return self.nodes[0]

    @property
    def length(self) -> int:
        """The number of the statements' lines."""
        return self.last - self.first + 1

    @property
    def text(self) -> str:
        """The statements' lines."""
        return self.source.lines(self.first, self.last)

    @property
    def whole(self) -> str:
        """The lines with the comments and blank lines above."""
        return self.source.lines(self.lead, self.last)

    @property
    def identity(self) -> object:
        """Equal for two versions of a chunk: the name that it defines or assigns, or its text."""
        if is_definition(self.node):
            return self.node.name
        names: set[str] = set()
        for node in self.nodes:
            names |= bound_names(node)
        if names:
            return frozenset(names)
        if hasattr(self.node, "body"):
            header, _, _ = self.text.partition("\n")
            return type(self.node), header
        return type(self.node), self.text


@dataclass(frozen=True)
class Pairing:
    """Old chunks [i1, i2) became new chunks [j1, j2)."""

    i1: int
    i2: int
    j1: int
    j2: int


def chunks(source: Source, body: list[ast.stmt]) -> list[Chunk]:
    """Return the chunks of a block; [] if the block is on its header's line (`if x: y`)."""
    if not body or source.shares_line(body[0]):
        return []
    cut: list[Chunk] = []
    for group in _groups(body):
        first = first_line(group[0])
        last = group[-1].end_lineno or group[-1].lineno
        floor = cut[-1].last + 1 if cut else 1
        lead = _lead(source, first, floor)
        cut.append(Chunk(source, tuple(group), lead, first, last))
    return cut


def _groups(body: list[ast.stmt]) -> list[list[ast.stmt]]:
    """Return the statements in groups; those on one line form a group."""
    groups: list[list[ast.stmt]] = []
    end = 0
    for node in body:
        if first_line(node) <= end:
            groups[-1].append(node)
        else:
            groups.append([node])
        end = node.end_lineno or node.lineno
    return groups


def _lead(source: Source, line: int, floor: int) -> int:
    """Return the line at which the comments and blank lines above `line` begin."""
    while line > floor and source.lines(line - 1, line - 1).lstrip(" \t\f")[:1] in _NO_CODE:
        line -= 1
    return line


def pair(old: list[Chunk], new: list[Chunk]) -> Iterator[Pairing]:
    """Yield the differences between two blocks in order, in the smallest possible parts.

    A definition that is inserted above one with other blank lines is one part with it.
    """
    waiting: Pairing | None = None
    for pairing in _pairings(old, new):
        if waiting and _moves_down(old, new, waiting, pairing):
            pairing = Pairing(waiting.i1, pairing.i2, waiting.j1, pairing.j2)
        elif waiting:
            yield waiting
        waiting = pairing
    if waiting:
        yield waiting


def _moves_down(old: list[Chunk], new: list[Chunk], first: Pairing, second: Pairing) -> bool:
    """Return whether `first` inserts one definition and `second` is the one that it moves down."""
    inserts = first.i1 == first.i2 and first.j2 - first.j1 == 1
    if not inserts or second.i2 - second.i1 != 1 or second.j2 - second.j1 != 1:
        return False
    if second.i1 != first.i2 or second.j1 != first.j2:
        return False
    moved = old[second.i1]
    both = is_definition(new[first.j1].node) and is_definition(moved.node)
    return both and moved.text == new[second.j1].text


def _pairings(old: list[Chunk], new: list[Chunk]) -> Iterator[Pairing]:
    ids: dict[object, int] = {}
    old_ids = [ids.setdefault(chunk.identity, len(ids)) for chunk in old]
    new_ids = [ids.setdefault(chunk.identity, len(ids)) for chunk in new]
    if max(len(old), len(new)) > MAX_CHUNKS and old_ids != new_ids:
        yield Pairing(0, len(old), 0, len(new))
        return
    matcher = SequenceMatcher(None, old_ids, new_ids, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from _changed(old, new, Pairing(i1, i2, j1, j2))
            continue
        both = (*old[i1:i2], *new[j1:j2])
        if tag == "replace" and not all(is_definition(chunk.node) for chunk in both):
            yield Pairing(i1, i2, j1, j2)
            continue
        if tag == "replace":
            yield from _one_by_one(old, new, Pairing(i1, i2, j1, j2))
            continue
        for first, last in _runs(old[i1:i2], Definition):
            yield Pairing(i1 + first, i1 + last, j1, j1)
        for first, last in _runs(new[j1:j2], Definition | ast.Import | ast.ImportFrom):
            yield Pairing(i2, i2, j1 + first, j1 + last)


def _runs(side: list[Chunk], alone: UnionType) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a deleted or inserted part; some kinds of statements stand alone."""
    start = 0
    for number, chunk in enumerate(side):
        single = isinstance(chunk.node, alone)
        if single and start < number:
            yield start, number
        if single:
            yield number, number + 1
            start = number + 1
    if start < len(side):
        yield start, len(side)


def _one_by_one(old: list[Chunk], new: list[Chunk], part: Pairing) -> Iterator[Pairing]:
    """Yield the old chunks as deleted and the new ones as inserted; one renamed is one part."""
    compare = (part.i2 - part.i1) * (part.j2 - part.j1) <= MAX_COMPARED
    start = part.j1
    for i in range(part.i1, part.i2):
        rest = range(start, part.j2) if compare else range(0)
        renamed = next((j for j in rest if _alike(old[i], new[j])), None)
        if renamed is None:
            yield Pairing(i, i + 1, start, start)
            continue
        for j in range(start, renamed):
            yield Pairing(i, i, j, j + 1)
        yield Pairing(i, i + 1, renamed, renamed + 1)
        start = renamed + 1
    for j in range(start, part.j2):
        yield Pairing(part.i2, part.i2, j, j + 1)


def _alike(old: Chunk, new: Chunk) -> bool:
    """Return whether two definitions have most lines of the longer one in common."""
    if type(old.node) is not type(new.node):
        return False
    before = Counter(old.text.splitlines())
    after = Counter(new.text.splitlines())
    return (before & after).total() > ALIKE * max(old.length, new.length)


def _changed(old: list[Chunk], new: list[Chunk], same: Pairing) -> Iterator[Pairing]:
    """Yield the chunks with the same identity and another text."""
    for i, j in zip(range(same.i1, same.i2), range(same.j1, same.j2), strict=True):
        if old[i].whole != new[j].whole:
            yield Pairing(i, i + 1, j, j + 1)
