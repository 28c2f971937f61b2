"""A block as lines: its statements, each with the comments above it, paired with those of another version of the block."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.edit.set_constant import bound_names
from agent.edit.source import Source, first_line, is_definition

# Telling longer blocks apart takes time that grows with the square of their length, or faster.
MAX_CHUNKS = 2_000


@dataclass(frozen=True)
class Chunk:
    """Statements that share lines (nearly always one): `first` to `last`, the comments and blank lines above from `lead`."""

    source: Source
    nodes: tuple[ast.stmt, ...]
    lead: int
    first: int
    last: int

    @property
    def node(self) -> ast.stmt:
        """The first statement."""
        return self.nodes[0]

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
        """What makes two chunks versions of each other: the name that they define or assign, or else all they say."""
        if is_definition(self.node):
            return self.node.name
        names = frozenset(name for node in self.nodes for name in bound_names(node))
        if names:
            return names
        return (
            type(self.node),
            self.text.partition("\n")[0] if hasattr(self.node, "body") else self.text,
        )


@dataclass(frozen=True)
class Pairing:
    """Old chunks [i1, i2) became new chunks [j1, j2)."""

    i1: int
    i2: int
    j1: int
    j2: int


def chunks(source: Source, body: list[ast.stmt]) -> list[Chunk]:
    """The chunks of a block that has its lines to itself; none where it shares one with its header (`if x: y`)."""
    if not body or source.shares_line(body[0]):
        return []
    groups: list[list[ast.stmt]] = []
    end = 0
    for node in body:
        if first_line(node) <= end:
            groups[-1].append(node)
        else:
            groups.append([node])
        end = node.end_lineno or node.lineno
    made: list[Chunk] = []
    for group in groups:
        first, last = first_line(group[0]), group[-1].end_lineno or group[-1].lineno
        floor = made[-1].last + 1 if made else 1
        made.append(Chunk(source, tuple(group), _lead(source, first, floor), first, last))
    return made


def _lead(source: Source, line: int, floor: int) -> int:
    while line > floor and source.lines(line - 1, line - 1).lstrip(" \t\f")[:1] in (
        "#",
        "\r",
        "\n",
        "",
    ):
        line -= 1
    return line


def pair(old: list[Chunk], new: list[Chunk]) -> Iterator[Pairing]:
    """What differs between two blocks, in order, as small as it can be told apart."""
    ids: dict[object, int] = {}
    one, two = ([ids.setdefault(chunk.identity, len(ids)) for chunk in side] for side in (old, new))
    if max(len(one), len(two)) > MAX_CHUNKS and one != two:
        yield Pairing(0, len(one), 0, len(two))
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag == "equal":
            same_count = zip(range(i1, i2), range(j1, j2), strict=True)
            yield from (
                Pairing(i, i + 1, j, j + 1) for i, j in same_count if old[i].whole != new[j].whole
            )
        elif tag == "replace" and all(
            is_definition(chunk.node) for chunk in (*old[i1:i2], *new[j1:j2])
        ):
            yield from (Pairing(i, i + 1, j1, j1) for i in range(i1, i2))
            yield from (Pairing(i2, i2, j, j + 1) for j in range(j1, j2))
        elif tag == "replace":
            yield Pairing(i1, i2, j1, j2)
        else:
            yield from (Pairing(i, i + 1, j1, j1) for i in range(i1, i2))
            yield from (Pairing(i1, i1, j, j + 1) for j in range(j1, j2))
