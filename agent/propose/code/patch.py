"""Unified diffs as models write them: hunks found by their text, since the line numbers are mostly wrong.

Libraries for patches go by the numbers in `@@`, or by counts that a model gets wrong as often.
"""

import re
from collections.abc import Iterator, Sequence

from agent.records.edits import Refused

Lines = list[str]
_FILE_HEADER = re.compile(r"(---|\+\+\+|diff --git|index|new file|deleted file|similarity|rename) ")
_HUNK = re.compile(r"@@(?: -(\d{1,7})(?:,\d+)? \+\d+(?:,\d+)? @@)?")
MAX_PATCH_CHARACTERS = 2**18
# Each hunk is looked for in the whole file.
MAX_HUNKS = 200


def apply_patch(source: str, patch: str) -> str | Refused:
    """`source` with every hunk of `patch` made; where one does not fit exactly once, why not. Line ends of `source` stay."""
    if len(patch) > MAX_PATCH_CHARACTERS:
        return _refuse("the diff", f"longer than {MAX_PATCH_CHARACTERS} characters")
    hunks = list(_hunks(patch.splitlines()))
    if not hunks:
        return _refuse(
            "the diff",
            "it has no hunk: lines that begin with + or - behind a line that begins with @@",
        )
    if len(hunks) > MAX_HUNKS:
        return _refuse(
            "the diff", f"it has {len(hunks)} hunks, and no more than {MAX_HUNKS} are read"
        )
    lines = source.splitlines(keepends=True)
    end = "\r\n" if source.count("\r\n") > source.count("\n") / 2 else "\n"
    for number, (stated, old, new) in enumerate(hunks, 1):
        found = _find(lines, old, stated)
        if isinstance(found, str):
            return _refuse(
                f"hunk {number} of the diff {found}",
                old[0] if old else "a hunk without context has no place",
            )
        lines[found : found + len(old)] = [line + end for line in new]
    return "".join(lines)


def _hunks(lines: Sequence[str]) -> Iterator[tuple[int, Lines, Lines]]:
    """The stated line (0: none), the old lines and the new lines of each hunk."""
    stated, old, new, inside = 0, Lines(), Lines(), False
    for line in (*lines, "@@"):
        start = _HUNK.match(line)
        if start:
            if inside and old != new:
                yield stated, old, new
            stated, old, new, inside = int(start[1] or 0), [], [], True
        elif inside and not _FILE_HEADER.match(line) and not line.startswith("\\"):
            if not line.startswith("+"):
                old.append(line[1:])
            if not line.startswith("-"):
                new.append(line[1:])


def _find(lines: Lines, old: Lines, stated: int) -> int | str:
    """Where the old lines stand, trailing white space aside; of several places the one nearest to the stated line."""
    want = [line.rstrip() for line in old]
    have = [line.rstrip() for line in lines]
    places = [
        at for at in range(len(have) - len(want) + 1) if want and have[at : at + len(want)] == want
    ]
    if not places:
        return "does not fit: these lines are not in the file"
    if len(places) > 1 and not stated:
        return f"fits in {len(places)} places: give more context"
    return min(places, key=lambda at: abs(at + 1 - stated))


def _refuse(where: str, hint: str) -> Refused:
    return Refused(reason="unreadable", where=where[:300], hint=hint[:300])
