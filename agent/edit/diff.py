"""The edits that lead from one file to another, as small as they come, each proven by making it."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.edit.apply import Applied, apply
from agent.edit.chunks import MAX_CHUNKS, Chunk, Pairing, chunks, pair
from agent.edit.piece import read_piece
from agent.edit.set_constant import plain_names
from agent.edit.source import Source, bodies, is_definition, read
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    Refused,
    ReplaceDefinition,
    ReplaceStatements,
    RewriteFile,
    SetConstant,
)

Edits = tuple[Edit, ...]

# A function of which more than this share of the lines changed reads better as a whole.
MAX_SHARE = 0.5


def diff(old: str, new: str) -> Edits:
    """Edits with `apply(old, edits).source == new`, byte for byte, wherever `new` parses; () where nothing differs."""
    if old == new:
        return ()
    before, after = read(old), read(new)
    whole = (RewriteFile(code=new),)
    if isinstance(before, Refused) or isinstance(after, Refused) or before.mark != after.mark:
        return whole
    one, two = chunks(before, before.tree.body), chunks(after, after.tree.body)
    if max(len(one), len(two)) > MAX_CHUNKS:
        return whole
    try:
        found = _Level(before, after, one, two, "").solve(old)
    except RecursionError:
        return whole
    if found is None or found[1] != new:
        return whole
    forwards = found[0][::-1]  # found from the bottom up; people read downwards
    return forwards if _makes(old, forwards, new) else found[0]


def normalise(source: str, edits: Sequence[Edit]) -> Edits:
    """The same edits with whole-file rewrites differenced into the other kinds; as they are where they do not apply."""
    if not any(isinstance(edit, RewriteFile) for edit in edits):
        return tuple(edits)
    applied = apply(source, edits)
    return diff(source, applied.source) if isinstance(applied, Applied) else tuple(edits)


def _makes(old: str, edits: Edits, new: str) -> bool:
    applied = apply(old, edits)
    return isinstance(applied, Applied) and applied.source == new


def _dedented(code: str) -> str:
    piece = read_piece(code, "code")
    return code if isinstance(piece, Refused) else piece.text


@dataclass(frozen=True)
class _Level:
    """Two versions of one block, cut into chunks. `scope` is the qualified name of the definition around, "" the module."""

    before: Source
    after: Source
    old: list[Chunk]
    new: list[Chunk]
    scope: str

    def solve(self, current: str) -> tuple[Edits, str] | None:
        """The edits of this block with the text that they lead to, or None where one difference cannot be expressed.

        `current` is the old file with everything below this block made new already, so the places above still hold.
        """
        edits: Edits = ()
        for pairing in reversed(list(pair(self.old, self.new))):
            found = self._one(pairing, current)
            if found is None:
                return None
            edits, current = (*edits, *found[0]), found[1]
        return edits, current

    def _one(self, pairing: Pairing, current: str) -> tuple[Edits, str] | None:
        start, end, text = self._span(pairing)
        mark = len(self.before.mark)
        wanted = current[: mark + start] + text + current[mark + end :]
        inner = self._inside(pairing, current)
        if inner and inner[1] == wanted:
            return inner
        for edits in self._candidates(pairing):
            if _makes(current, edits, wanted):
                return edits, wanted
        return None

    def _span(self, p: Pairing) -> tuple[int, int, str]:
        """Where the old lines stand in the old text, and the new lines."""
        text = "".join(chunk.whole for chunk in self.new[p.j1 : p.j2])
        if p.i1 < p.i2:
            return (
                self.before.line_start(self.old[p.i1].lead),
                self.before.line_start(self.old[p.i2 - 1].last + 1),
                text,
            )
        if p.i1:
            at = self.before.line_start(self.old[p.i1 - 1].last + 1)
        else:
            at = self.before.line_start(self.old[0].lead if self.old else 1)
        return at, at, text

    # ------------------------------------------------------------ inside one statement

    def _inside(self, p: Pairing, current: str) -> tuple[Edits, str] | None:
        """The same difference told one level deeper, where both versions are one compound statement of the same shape."""
        if (p.i2 - p.i1, p.j2 - p.j1) != (1, 1):
            return None
        old, new = self.old[p.i1].node, self.new[p.j1].node
        pairs = list(zip(bodies(old), bodies(new), strict=False))
        if type(old) is not type(new) or not pairs:
            return None
        scope = self._name(old) if is_definition(old) else self.scope
        edits: Edits = ()
        for one, two in reversed(pairs):
            level = _Level(
                self.before, self.after, chunks(self.before, one), chunks(self.after, two), scope
            )
            if not isinstance(old, ast.ClassDef) and is_definition(old) and level.share > MAX_SHARE:
                return None
            found = level.solve(current)
            if found is None:
                return None
            edits, current = (*edits, *found[0]), found[1]
        return edits, current

    @property
    def share(self) -> float:
        """How much of the block's old lines differ."""
        changed = sum(
            self.old[i].last - self.old[i].first + 1
            for p in pair(self.old, self.new)
            for i in range(p.i1, p.i2)
        )
        total = sum(chunk.last - chunk.first + 1 for chunk in self.old)
        return changed / total if total else 1.0

    def _name(self, node: ast.stmt) -> str:
        name: str = getattr(node, "name", "")
        return f"{self.scope}.{name}" if self.scope else name

    # ------------------------------------------------------------ one difference, finest first

    def _candidates(self, p: Pairing) -> Iterator[Edits]:
        old, new = self.old[p.i1 : p.i2], self.new[p.j1 : p.j2]
        if len(old) == len(new) == 1:
            yield from self._changed(old[0], new[0])
        elif old and not new and is_definition(old[0].node):
            yield (DeleteDefinition(name=self._name(old[0].node)),)
        elif new and not old:
            yield from self._inserted(p, new[0])
        yield from self._statements(p)

    def _changed(self, old: Chunk, new: Chunk) -> Iterator[Edits]:
        if is_definition(old.node) and is_definition(new.node):
            yield (ReplaceDefinition(name=self._name(old.node), code=_dedented(new.text)),)
        elif not self.scope and len(old.nodes) == len(new.nodes):
            pairs = zip(old.nodes, new.nodes, strict=True)
            constants = [
                _constant(self.after, a, b)
                for a, b in pairs
                if _says(self.before, a) != _says(self.after, b)
            ]
            edits = tuple(edit for edit in constants if edit)
            if edits and len(edits) == len(constants):
                yield edits

    def _inserted(self, p: Pairing, new: Chunk) -> Iterator[Edits]:
        if isinstance(new.node, ast.Import | ast.ImportFrom) and not self.scope:
            yield (AddImport(code=new.text.strip()),)
        if is_definition(new.node):
            before = self.old[p.i1 - 1].node if p.i1 else None
            for code in (_dedented(new.text), _dedented(new.whole)):
                if before is not None and is_definition(before):
                    yield (InsertDefinition(code=code, after=self._name(before)),)
                elif not self.scope:
                    yield (InsertDefinition(code=code),)

    def _statements(self, p: Pairing) -> Iterator[Edits]:
        """ReplaceStatements on the run itself, then on longer ones, for what is ambiguous, only inserted, or only a comment.

        The neighbour above still reads as in the old file, the one below already as in the new.
        """
        within = self.scope or None
        old, new = self.old[p.i1 : p.i2], self.new[p.j1 : p.j2]
        above = self.old[p.i1 - 1].text if p.i1 else ""
        below = self.new[p.j2].whole if p.j2 < len(self.new) else ""
        for upper, lower in (("", ""), (above, ""), ("", below), (above, below)):
            first_old, first_new = (self._run(side, bool(upper)) for side in (old, new))
            one, two = upper + first_old + lower, upper + first_new + lower
            if one.strip():
                yield (ReplaceStatements(old=_dedented(one), new=_dedented(two), within=within),)

    def _run(self, side: list[Chunk], with_lead: bool) -> str:
        if not side:
            return ""
        first, *rest = side
        return (first.whole if with_lead else first.text) + "".join(chunk.whole for chunk in rest)


def _says(source: Source, node: ast.stmt) -> str:
    return source.text[source.start(node) : source.end(node)]


def _constant(after: Source, old: ast.stmt, new: ast.stmt) -> SetConstant | None:
    """The edit that makes an assignment's value the new one; whether it is all that changed, making it will tell."""
    names = plain_names(old)
    if (
        len(names) != 1
        or names != plain_names(new)
        or not isinstance(new, ast.Assign | ast.AnnAssign)
        or new.value is None
    ):
        return None
    value = new.value
    start = after.offset(value.lineno, value.col_offset)
    return SetConstant(name=names.pop(), value=after.text[start : after.end(value)])
