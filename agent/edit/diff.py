"""Computes the edits from one file to another, as small as possible; each one is verified."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.edit.apply import Applied, apply, made_text
from agent.edit.chunks import MAX_CHUNKS, Chunk, Pairing, chunks, pair
from agent.edit.piece import read_piece
from agent.edit.places import places_of
from agent.edit.replace_text import passages
from agent.edit.set_constant import plain_names
from agent.edit.source import Source, bodies, is_definition, read
from agent.edit.steps import Edits, EndOfFile, Step
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    InsertDefinition,
    Refused,
    ReplaceDefinition,
    ReplaceStatements,
    RewriteFile,
    SetConstant,
)

# A neighbour with more lines is not repeated in an edit only to say where it is.
MAX_NEIGHBOUR = 5
# Each statement that differs is tried on the whole file. Where that adds up to more characters,
# passages, which are found at once, are all that is looked for.
MAX_WORK = 3_000_000


def diff(old: str, new: str) -> Edits:
    """Return edits with `apply(old, edits).source == new`, byte for byte, if `new` parses.

    () if nothing differs.
    """
    if old == new:
        return ()
    whole = (RewriteFile(code=new),)
    before = read(old)
    after = read(new)
    if isinstance(before, Refused) or isinstance(after, Refused) or before.mark != after.mark:
        return whole
    try:
        step = _by_statement(before, after)
    except RecursionError:
        return whole
    around = Step(passages(old, new) or (), new)
    if step is None or step.text != new or around.is_better_than(step):
        step = around
    for choice in (step, around):
        # They are found from the bottom up; people read downwards.
        for edits in (choice.edits[::-1], choice.edits):
            if choice.length <= len(new) and _leads_to(old, edits, new):
                return edits
    return whole


def _by_statement(before: Source, after: Source) -> Step | None:
    """Return the edits from one file to the other, from the bottom up; None if there are none."""
    end = EndOfFile(before, after).step()
    if end.edits:
        changed = read(end.text)
        if isinstance(changed, Refused):
            return None
        before = changed
    old_chunks = chunks(before, before.tree.body)
    new_chunks = chunks(after, after.tree.body)
    if max(len(old_chunks), len(new_chunks)) > MAX_CHUNKS:
        return None
    step = _Level(before, after, old_chunks, new_chunks, "", _Work()).solve(end.text)
    return None if step is None else Step(end.edits + step.edits, step.text)


def _leads_to(old: str, edits: Edits, new: str) -> bool:
    applied = apply(old, edits)
    return isinstance(applied, Applied) and applied.source == new


def _text_after(old: str, edits: Edits) -> str | Refused:
    """Return the file's text after edits; the last edit may leave it unparsable."""
    text: str | Refused = old
    for edit in edits:
        source = read(text) if isinstance(text, str) else text
        text = source if isinstance(source, Refused) else made_text(source, edit)
    return text


def _least(code: str) -> int:
    """Return the fewest characters that code has at any indentation."""
    return sum(len(line.strip()) for line in code.splitlines())


def _dedented(code: str) -> str:
    piece = read_piece(code, "code")
    return code if isinstance(piece, Refused) else piece.text


@dataclass(frozen=True)
class _Span:
    """New lines in place of old_text[start:end]."""

    start: int
    end: int
    new: str


@dataclass
class _Work:
    """How many characters may still be tried."""

    left: int = MAX_WORK


@dataclass(frozen=True)
class _Level:
    """Two versions of one block, cut into chunks."""

    before: Source
    after: Source
    old: list[Chunk]
    new: list[Chunk]
    scope: str
    """The qualified name of the definition around the block; "" is the module."""
    work: _Work

    def solve(self, current: str) -> Step | None:
        """Return the edits of this block, or None if a difference cannot be expressed.

        current: the old file with everything below this block new already, so that the places above
        still hold.
        """
        edits: Edits = ()
        for run in reversed(_touching(list(pair(self.old, self.new)))):
            step = self._solve_run(run, current)
            if step is None:
                return None
            edits += step.edits
            current = step.text
        return Step(edits, current)

    def _solve_run(self, run: list[Pairing], current: str) -> Step | None:
        """Return the edits of adjacent differences, or passages if those are cheaper."""
        edits: Edits = ()
        text = current
        for pairing in reversed(run):
            step = self._solve_one(pairing, text)
            if step is None:
                return None
            edits += step.edits
            text = step.text
        each = Step(edits, text)
        if len(run) == 1:
            return each
        joined = Step(passages(current, text) or (), text)
        return joined if joined.is_better_than(each) else each

    def _solve_one(self, pairing: Pairing, current: str) -> Step | None:
        """Return the cheapest edits of one difference; among equal ones the most specific kinds.

        None if no work is left.
        """
        self.work.left -= len(current)
        if self.work.left < 0:
            return None
        span = self._span(pairing)
        mark = len(self.before.mark)
        wanted = current[: mark + span.start] + span.new + current[mark + span.end :]
        best = self._inside(pairing, current, wanted)
        if best is None:
            around = passages(current, wanted)
            best = Step(around, wanted) if around else None
        limit = best.cost if best else len(self.after.text)
        for edits in self._candidates(pairing, limit):
            step = Step(edits, wanted)
            if step.cost <= limit and _text_after(current, edits) == wanted:
                return step
        return best

    def _span(self, pairing: Pairing) -> _Span:
        new = "".join(chunk.whole for chunk in self._new_of(pairing))
        old = self._old_of(pairing)
        if old:
            start = self.before.line_start(old[0].lead)
            end = self.before.line_start(old[-1].last + 1)
            return _Span(start, end, new)
        if pairing.i1:
            line = self.old[pairing.i1 - 1].last + 1
        else:
            line = self.old[0].lead if self.old else 1
        place = self.before.line_start(line)
        return _Span(place, place, new)

    def _old_of(self, pairing: Pairing) -> list[Chunk]:
        return self.old[pairing.i1 : pairing.i2]

    def _new_of(self, pairing: Pairing) -> list[Chunk]:
        return self.new[pairing.j1 : pairing.j2]

    # ------------------------------------------------------------ inside one statement

    def _inside(self, pairing: Pairing, current: str, wanted: str) -> Step | None:
        """Return the difference one level deeper if both are compound statements of one kind.

        What differs around the blocks, such as a signature, is passages.
        """
        if len(self._old_of(pairing)) != 1 or len(self._new_of(pairing)) != 1:
            return None
        old = self.old[pairing.i1].node
        new = self.new[pairing.j1].node
        if type(old) is not type(new):
            return None
        scope = self._name(old) if is_definition(old) else self.scope
        edits: Edits = ()
        for old_body, new_body in reversed(list(zip(bodies(old), bodies(new), strict=False))):
            old_chunks = chunks(self.before, old_body)
            new_chunks = chunks(self.after, new_body)
            if not old_chunks or not new_chunks:
                continue
            level = _Level(self.before, self.after, old_chunks, new_chunks, scope, self.work)
            step = level.solve(current)
            if step is None:
                return None
            edits += step.edits
            current = step.text
        if not edits or current == wanted:
            return Step(edits, current) if edits else None
        around = passages(current, wanted)
        return Step(edits + around, wanted) if around else None

    def _name(self, node: ast.stmt) -> str:
        name: str = getattr(node, "name", "")
        return f"{self.scope}.{name}" if self.scope else name

    # ------------------------------------------------------------ one difference, finest first

    def _candidates(self, pairing: Pairing, limit: int) -> Iterator[Edits]:
        """Yield typed edits, the most specific first; none costs more than `limit`."""
        old = self._old_of(pairing)
        new = self._new_of(pairing)
        if len(old) == len(new) == 1:
            yield from self._changed(old[0], new[0], limit)
        elif old and not new and is_definition(old[0].node):
            yield (DeleteDefinition(name=self._name(old[0].node)),)
        elif new and not old:
            yield from self._inserted(pairing, new[0])
        elif len(old) == 1 and len(new) == 2 and is_definition(old[0].node):
            yield from self._in_front(old[0].node, new[0])
        yield from self._statements(pairing, limit)

    def _changed(self, old: Chunk, new: Chunk, limit: int) -> Iterator[Edits]:
        edits = _settings(old, new)
        if edits:
            yield edits
        if is_definition(old.node) and is_definition(new.node):
            if _least(new.text) <= limit:
                code = _dedented(new.text)
                yield (ReplaceDefinition(name=self._name(old.node), code=code),)
        elif not self.scope and len(old.nodes) == len(new.nodes):
            edits = self._constants(old, new)
            if edits:
                yield edits

    def _constants(self, old: Chunk, new: Chunk) -> Edits:
        """Return the assignments that differ as edits; () if one is no constant."""
        edits: Edits = ()
        for old_node, new_node in zip(old.nodes, new.nodes, strict=True):
            if _text_of(self.before, old_node) == _text_of(self.after, new_node):
                continue
            edit = _constant(self.after, old_node, new_node)
            if edit is None:
                return ()
            edits += (edit,)
        return edits

    def _inserted(self, pairing: Pairing, new: Chunk) -> Iterator[Edits]:
        if isinstance(new.node, ast.Import | ast.ImportFrom) and not self.scope:
            yield (AddImport(code=new.text.strip()),)
        if not is_definition(new.node):
            return
        before = self.old[pairing.i1 - 1].node if pairing.i1 else None
        for code in (_dedented(new.text), _dedented(new.whole)):
            if before is not None and is_definition(before):
                yield (InsertDefinition(code=code, after=self._name(before)),)
            elif not self.scope:
                yield (InsertDefinition(code=code),)
        below = self.old[pairing.i1].node if pairing.i1 < len(self.old) else None
        if below is not None and is_definition(below):
            yield from self._in_front(below, new)

    def _in_front(self, below: ast.stmt, new: Chunk) -> Iterator[Edits]:
        for code in (_dedented(new.text), _dedented(new.whole)):
            yield (InsertDefinition(code=code, before=self._name(below)),)

    def _statements(self, pairing: Pairing, limit: int) -> Iterator[Edits]:
        """Yield ReplaceStatements on the run itself, then on longer ones.

        The longer ones are for what is ambiguous, only inserted, or only a comment. The neighbour
        above still reads as in the old file, the one below already as in the new.
        """
        above = self.old[pairing.i1 - 1].text if pairing.i1 else ""
        below = self.new[pairing.j2].whole if pairing.j2 < len(self.new) else ""
        if max(above.count("\n"), below.count("\n")) > MAX_NEIGHBOUR:
            above = ""
            below = ""
        for upper, lower in (("", ""), (above, ""), ("", below), (above, below)):
            old = upper + _run(self._old_of(pairing), bool(upper)) + lower
            new = upper + _run(self._new_of(pairing), bool(upper)) + lower
            if old.strip() and _least(old) + _least(new) <= limit:
                edit = ReplaceStatements(
                    old=_dedented(old), new=_dedented(new), within=self.scope or None
                )
                yield (edit,)


def _touching(pairings: list[Pairing]) -> list[list[Pairing]]:
    """Return the differences in groups; adjacent ones form a group."""
    runs: list[list[Pairing]] = []
    for pairing in pairings:
        above = runs[-1][-1] if runs else None
        if above and (above.i2, above.j2) == (pairing.i1, pairing.j1):
            runs[-1].append(pairing)
        else:
            runs.append([pairing])
    return runs


def _run(side: list[Chunk], with_lead: bool) -> str:
    if not side:
        return ""
    first, *rest = side
    start = first.whole if with_lead else first.text
    return start + "".join(chunk.whole for chunk in rest)


def _text_of(source: Source, node: ast.stmt) -> str:
    return source.text[source.start(node) : source.end(node)]


def _settings(old: Chunk, new: Chunk) -> Edits:
    """Return the settings of two chunks that differ (fields, options, arguments) as edits.

    Whether nothing else differs shows when they are applied.
    """
    before = _texts_of_places(old)
    after = _texts_of_places(new)
    both = before.keys() & after.keys()
    edits = tuple(
        SetConstant(name=name, value=text)
        for name, text in after.items()
        if before.get(name, text) != text and f"{name}[0]" not in both
    )
    return edits[::-1]


def _texts_of_places(chunk: Chunk) -> dict[str, str]:
    return {
        name: chunk.source.text_of(place.value)
        for name, place in places_of(chunk.source).items()
        if chunk.first <= place.value.lineno <= chunk.last
    }


def _constant(after: Source, old: ast.stmt, new: ast.stmt) -> SetConstant | None:
    """Return the edit that gives an assignment its new value.

    Whether nothing else changed shows when it is applied.
    """
    names = plain_names(old)
    if len(names) != 1 or names != plain_names(new):
        return None
    if not isinstance(new, ast.Assign | ast.AnnAssign) or new.value is None:
        return None
    return SetConstant(name=names.pop(), value=after.text_of(new.value))
