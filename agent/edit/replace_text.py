"""ReplaceText: another text for one passage, compared character by character."""

from collections.abc import Iterator
from difflib import SequenceMatcher

from agent.edit.source import refuse, unknown
from agent.records.edits import Refused, ReplaceText, RewriteFile

# Comparing more lines takes time that grows with the square of their number.
MAX_LINES = 3_000
# A text with a larger share of changed lines, or with more changes, reads better as a whole.
MAX_SHARE = 0.5
MAX_CHANGES = 100
# A passage that is not unique with so many lines around it, above and below, never will be soon.
MAX_CONTEXT = 20


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


def passage(text: str, start: int, end: int, new: str) -> ReplaceText | None:
    """Return the edit of whole lines that replaces text[start:end] by `new`.

    It takes in lines above and below until the passage is unique; None if that takes too many.
    """
    lines = text.splitlines(keepends=True)
    first, last = _lines_around(lines, start, end)
    before = sum(map(len, lines[:first]))
    head = text[before:start]
    after = before + sum(map(len, lines[first:last]))
    tail = text[end:after]
    changed = head + new + tail
    for _ in range(MAX_CONTEXT + 1):
        old = "".join(lines[first:last])
        if old and text.find(old) == text.rfind(old):
            return ReplaceText(old=old, new=changed)
        if first:
            first -= 1
            changed = lines[first] + changed
        if last < len(lines):
            changed += lines[last]
            last += 1
    return None


def _lines_around(lines: list[str], start: int, end: int) -> tuple[int, int]:
    """Return the range of the lines that hold the characters from `start` to `end`."""
    first = len(lines)
    last = 0
    place = 0
    for number, line in enumerate(lines):
        stop = place + len(line)
        if place < end and start < stop:
            first = min(first, number)
            last = number + 1
        elif start == end == place:
            return number, number
        place = stop
    if first > last:
        return len(lines), len(lines)
    return first, last


def passages(old: str, new: str) -> tuple[ReplaceText, ...] | None:
    """Return edits of passages that lead from one text to another, from the bottom up.

    None if most of the text changes, if its lines are too much alike, or if it has too many.
    """
    before = old.splitlines(keepends=True)
    after = new.splitlines(keepends=True)
    if not old or max(len(before), len(after)) > MAX_LINES:
        return None
    changes = list(_changes(before, after))
    replaced = sum(last - first for first, last, _ in changes)
    if replaced > MAX_SHARE * len(before) or len(changes) > MAX_CHANGES:
        return None
    edits = []
    current = old
    for first, last, text in reversed(changes):
        start = sum(map(len, before[:first]))
        end = start + sum(map(len, before[first:last]))
        edit = passage(current, start, end, text)
        if edit is None:
            return None
        edits.append(edit)
        current = current[:start] + text + current[end:]
    return tuple(edits)


def _changes(before: list[str], after: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (first line, line after the last, new text) of each difference."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield i1, i2, "".join(after[j1:j2])


def difference_of_texts(old: str, new: str) -> tuple[ReplaceText | RewriteFile, ...]:
    """Return edits that lead from one text to another, byte for byte; () if they are equal."""
    if old == new:
        return ()
    return passages(old, new) or (RewriteFile(code=new),)
