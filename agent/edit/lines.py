"""Finds the lines that differ between two texts, in bounded time."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# Comparing lines with no anchor takes time that grows with the product of their numbers.
MAX_PRODUCT = 250_000
# How deep anchored parts are cut at anchors of their own.
MAX_DEPTH = 8

Lines = Sequence[str]


@dataclass(frozen=True)
class Change:
    """Old lines [first, last) became the new lines [start, stop)."""

    first: int
    last: int
    start: int
    stop: int


def changes(before: Lines, after: Lines) -> list[Change]:
    """Return what differs between two lists of lines, in order."""
    return list(_changes(before, after, Change(0, len(before), 0, len(after)), 0))


def _changes(before: Lines, after: Lines, part: Change, depth: int) -> Iterator[Change]:
    part = _trimmed(before, after, part)
    if part.first == part.last or part.start == part.stop:
        if part.first < part.last or part.start < part.stop:
            yield part
        return
    anchors = _anchors(before, after, part) if depth < MAX_DEPTH else []
    if anchors:
        first = part.first
        start = part.start
        for old, new in [*anchors, (part.last, part.stop)]:
            yield from _changes(before, after, Change(first, old, start, new), depth + 1)
            first = old
            start = new
    else:
        yield from _unanchored(before, after, part)


def _trimmed(before: Lines, after: Lines, part: Change) -> Change:
    """Return the part without the lines that both sides begin and end with."""
    first = part.first
    last = part.last
    start = part.start
    stop = part.stop
    while first < last and start < stop and before[first] == after[start]:
        first += 1
        start += 1
    while first < last and start < stop and before[last - 1] == after[stop - 1]:
        last -= 1
        stop -= 1
    return Change(first, last, start, stop)


def _anchors(before: Lines, after: Lines, part: Change) -> list[tuple[int, int]]:
    """Return the places of the lines that are once on either side, as many as are in order."""
    old = Counter(before[part.first : part.last])
    new = Counter(after[part.start : part.stop])
    places = {after[i]: i for i in range(part.start, part.stop) if new[after[i]] == 1}
    pairs = []
    for i in range(part.first, part.last):
        if old[before[i]] == 1 and before[i] in places and before[i].strip():
            pairs.append((i, places[before[i]]))
    return _longest_rise(pairs)


def _longest_rise(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs, in order, whose second numbers rise."""
    ends: list[int] = []
    last_of: list[int] = []
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        previous.append(last_of[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            last_of.append(number)
        else:
            ends[length] = place
            last_of[length] = number
    run = []
    number = last_of[-1] if last_of else -1
    while number >= 0:
        run.append(pairs[number])
        number = previous[number]
    return run[::-1]


def _unanchored(before: Lines, after: Lines, part: Change) -> Iterator[Change]:
    """Yield what differs in a part without anchors; the whole part if it is too large."""
    old = before[part.first : part.last]
    new = after[part.start : part.stop]
    if len(old) * len(new) > MAX_PRODUCT:
        yield part
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Change(part.first + i1, part.first + i2, part.start + j1, part.start + j2)
