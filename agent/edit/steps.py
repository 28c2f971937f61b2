"""Edits with the text that they lead to, and their cost: how much a reader has to read."""

from dataclasses import dataclass

from agent.edit.replace_text import passage
from agent.edit.source import Source
from agent.records.edits import Edit, ReplaceText, SetConstant

Edits = tuple[Edit, ...]

# Cost of an edit in addition to the characters of its texts.
EDIT_COST = 40
_TEXTS = ("old", "new", "code", "value")
# Factor on the cost of passages, since the other kinds name what they change.
PASSAGE_COST = 2


@dataclass(frozen=True)
class Step:
    """Edits, and the text that they lead to."""

    edits: Edits
    text: str

    @property
    def length(self) -> int:
        """The number of characters in the edits' texts."""
        return sum(map(_length, self.edits))

    @property
    def cost(self) -> int:
        """The cost of the edits for a reader."""
        cost = 0
        for edit in self.edits:
            factor = PASSAGE_COST if isinstance(edit, ReplaceText) else 1
            cost += factor * (EDIT_COST + _length(edit))
        return cost

    def is_better_than(self, other: "Step") -> bool:
        """Return whether these edits are cheaper than others that set no constant."""
        if not self.edits or any(isinstance(edit, SetConstant) for edit in other.edits):
            return False
        return self.cost < other.cost


def _length(edit: Edit) -> int:
    return sum(len(getattr(edit, field, None) or "") for field in _TEXTS)


@dataclass(frozen=True)
class EndOfFile:
    """The ends of two files after their last statement: comments, and a line break or none."""

    before: Source
    after: Source

    def step(self) -> Step:
        """Return the edit that gives the old file the new one's end; none if they are alike."""
        old = self.before.mark + self.before.text
        wanted = _tail(self.after)
        start = len(old) - len(_tail(self.before))
        if old[start:] == wanted or not self.before.tree.body or not self.after.tree.body:
            return Step((), old)
        edit = passage(old, start, len(old), wanted)
        if edit is None:
            return Step((), old)
        return Step((edit,), old[:start] + wanted)


def _tail(source: Source) -> str:
    """Return the text behind the last statement's line, that line's break included."""
    if not source.tree.body:
        return source.text
    last = source.tree.body[-1]
    start = source.line_start(last.end_lineno or last.lineno)
    stop = source.line_start((last.end_lineno or last.lineno) + 1)
    line = source.text[start:stop]
    return source.text[start + len(line.rstrip("\r\n")) :]
