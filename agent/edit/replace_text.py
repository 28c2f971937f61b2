"""ReplaceText: another text for one passage, compared character by character."""

from agent.edit.lines import Change, changes
from agent.edit.source import refuse, unknown
from agent.records.edits import Refused, ReplaceText, RewriteFile

# More differences read better as a whole.
MAX_CHANGES = 500
# By so many lines more, above and below, a passage grows until it is unique: first by one after the
# other, then, out of a docstring that several functions share, by ever more at once.
GROWTH = (*[1] * 20, 2, 4, 8, 16, 32, 64, 128, 256)


def replace_text(text: str, edit: ReplaceText) -> str | Refused:
    """Return the whole new text. `unknown-name` if `old` is not in it, `ambiguous` if twice."""
    if not edit.old:
        return refuse("syntax", "`old` is empty", "give the passage that is replaced")
    start = text.find(edit.old)
    if start < 0:
        first = next(filter(str.strip, edit.old.splitlines()), "")
        refusal = unknown("line", first.strip(), map(str.strip, text.splitlines()))
        return refuse("unknown-name", "`old` is not in the file", f"its first line: {refusal.hint}")
    if text.find(edit.old, start + 1) >= 0:
        where = "`old` is in the file more than once"
        return refuse("ambiguous", where, "give the lines around it, too")
    return text[:start] + edit.new + text[start + len(edit.old) :]


def difference_of_texts(old: str, new: str) -> tuple[ReplaceText | RewriteFile, ...]:
    """Return the edits that lead from one text to another, byte for byte; () if they are equal.

    They are passages, or the whole text where that is shorter.
    """
    if old == new:
        return ()
    edits = passages(old, new)
    if edits is None or sum(len(edit.old) + len(edit.new) for edit in edits) > len(new):
        return (RewriteFile(code=new),)
    return downwards(old, edits, new)


def downwards(old: str, edits: tuple[ReplaceText, ...], new: str) -> tuple[ReplaceText, ...]:
    """Return edits from the bottom up in the order people read, if that leads to `new` too."""
    text = old
    for edit in reversed(edits):
        place = text.find(edit.old)
        if place < 0 or place != text.rfind(edit.old):
            return edits
        text = text[:place] + edit.new + text[place + len(edit.old) :]
    return edits[::-1] if text == new else edits


def passage(text: str, start: int, end: int, new: str) -> ReplaceText | None:
    """Return the edit of whole lines that replaces text[start:end] by `new`.

    It takes in as few lines above and below as make the passage unique; None if that takes too
    many.
    """
    first = _line_start(text, start)
    last = end
    if start < end or first < start:
        last = _line_end(text, end)
    above = first
    below = last
    for more in (*GROWTH, 0):
        for top, bottom in ((above, last), (first, below), (above, below)):
            old = text[top:bottom]
            if old and text.find(old) == text.rfind(old):
                return ReplaceText(old=old, new=text[top:start] + new + text[end:bottom])
        if more > 1 and 2 * (below - above) > len(text):
            return None
        for _ in range(more):
            above = _line_start(text, above - 1) if above else 0
            below = _line_end(text, below + 1) if below < len(text) else below
    return None


def _break(text: str) -> str:
    return "\n" if "\n" in text else "\r"


def _line_start(text: str, place: int) -> int:
    """Return where the line that holds the character at `place` begins."""
    return text.rfind(_break(text), 0, place) + 1


def _line_end(text: str, place: int) -> int:
    """Return where the line that ends at `place` or behind it ends, with its break."""
    end = text.find(_break(text), max(place - 1, 0))
    return len(text) if end < 0 else end + 1


def passages(old: str, new: str) -> tuple[ReplaceText, ...] | None:
    """Return edits of passages that lead from one text to another, from the bottom up.

    None if its lines are too much alike, or if too many differ.
    """
    before = old.splitlines(keepends=True)
    after = new.splitlines(keepends=True)
    differences = _joined(changes(before, after))
    if not old or len(differences) > MAX_CHANGES:
        return None
    ends = [0]
    for line in before:
        ends.append(ends[-1] + len(line))
    edits = []
    current = old
    for change in reversed(differences):
        text = "".join(after[change.start : change.stop])
        start = ends[change.first]
        end = ends[change.last]
        edit = passage(current, start, end, text)
        if edit is None:
            return None
        edits.append(edit)
        current = current[:start] + text + current[end:]
    return tuple(edits)


def _joined(differences: list[Change]) -> list[Change]:
    """Return the differences, those with a single line between them as one."""
    joined: list[Change] = []
    for change in differences:
        if joined and change.first - joined[-1].last <= 1:
            above = joined.pop()
            change = Change(above.first, change.last, above.start, change.stop)
        joined.append(change)
    return joined
