"""Unified diffs as models write them: hunks found by text, for their line numbers are mostly wrong.

Libraries for patches rely on the numbers in `@@`, or on counts that a model gets wrong as often.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.edit.files import Sources
from agent.propose.code.places import path_of
from agent.records.edits import AddFile, DeleteFile, Edit, Refused, RewriteFile

MAX_PATCH_CHARACTERS = 2**18
# Each hunk is searched for in the whole file.
MAX_HUNKS = 200
MAX_MESSAGE_CHARACTERS = 300
_FILE_HEADER = re.compile(r"(---|\+\+\+|diff --git|index|new file|deleted file|similarity|rename) ")
_HUNK = re.compile(r"@@(?: -(\d{1,7})(?:,\d+)? \+\d+(?:,\d+)? @@)?")


@dataclass
class Hunk:
    """One hunk of a diff."""

    stated: int
    """The line that it claims to start at; 0 if it names none."""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def patch_edits(sources: Sources, patch: str) -> tuple[Edit, ...] | Refused:
    """Return a diff as edits, which the files that it names decide; train.py where it names none.

    A project of one file takes every diff for that file's, whatever name a model gives it.
    """
    edits: list[Edit] = []
    for part in _by_file(patch):
        named = part.new or part.old
        path = sources.main
        if named is not None and sources.is_project:
            path = path_of(named, sources)
        if part.new is None and part.old is not None and sources.is_project:
            edits.append(DeleteFile(file=path))
            continue
        is_new = path not in sources.files
        text = apply_patch(sources.files.get(path, ""), part.body, is_new)
        if isinstance(text, Refused):
            return text
        if is_new:
            edits.append(AddFile(file=path, code=text))
        else:
            edits.append(RewriteFile(file=None if path == sources.main else path, code=text))
    return tuple(edits)


@dataclass(frozen=True)
class _Part:
    """The part of a diff that is about one file."""

    old: str | None
    """Its path before; None if it is new, or if the diff names no file."""
    new: str | None
    """Its path afterwards; None if it is deleted, or if the diff names no file."""
    body: str


def _by_file(patch: str) -> list[_Part]:
    """Return a diff cut at its `---` and `+++` lines; one part without any."""
    parts: list[_Part] = []
    names: tuple[str | None, str | None] = (None, None)
    lines: list[str] = []
    old: str | None = None
    for line in patch.splitlines():
        if line.startswith("--- "):
            old = _path_in(line)
        elif line.startswith("+++ "):
            if any(map(str.strip, lines)):
                parts.append(_Part(*names, "\n".join(lines)))
            names = (old, _path_in(line))
            lines = []
        else:
            lines.append(line)
    parts.append(_Part(*names, "\n".join(lines)))
    return [part for part in parts if "@@" in part.body or len(parts) == 1 or part.new is None]


def _path_in(line: str) -> str | None:
    """Return the path in a `---` or `+++` line; None for /dev/null."""
    path = line[4:].split("\t")[0].strip()
    if path == "/dev/null":
        return None
    return path.removeprefix("a/").removeprefix("b/") if path[:2] in ("a/", "b/") else path


def apply_patch(source: str, patch: str, is_new: bool = False) -> str | Refused:
    """Return `source` with all hunks applied, or why one does not fit exactly once.

    The line ends of `source` stay. is_new: a file that does not exist yet; its hunks have only new
    lines.
    """
    if len(patch) > MAX_PATCH_CHARACTERS:
        return _refuse("the diff", f"longer than {MAX_PATCH_CHARACTERS} characters")
    hunks = list(_hunks(patch.splitlines()))
    if not hunks:
        return _refuse(
            "the diff", "it has no hunk: a line that begins with @@, then lines with + or -"
        )
    if len(hunks) > MAX_HUNKS:
        return _refuse("the diff", f"it has {len(hunks)} hunks; at most {MAX_HUNKS} are read")
    lines = source.splitlines(keepends=True)
    end = "\r\n" if source.count("\r\n") > source.count("\n") / 2 else "\n"
    for number, hunk in enumerate(hunks, 1):
        places = [len(lines)] if is_new and not hunk.old else _places(lines, hunk)
        if not places:
            problem = "does not fit: these lines are not in the file"
            return _refuse_hunk(number, hunk, problem)
        if len(places) > 1 and not hunk.stated:
            problem = f"fits in {len(places)} places: give more context"
            return _refuse_hunk(number, hunk, problem)
        place = _nearest(places, hunk.stated)
        lines[place : place + len(hunk.old)] = [line + end for line in hunk.new]
    return "".join(lines)


def _hunks(lines: Sequence[str]) -> Iterator[Hunk]:
    """Yield the hunks that change something."""
    hunk: Hunk | None = None
    for line in (*lines, "@@"):
        start = _HUNK.match(line)
        if start:
            if hunk and hunk.old != hunk.new:
                yield hunk
            hunk = Hunk(int(start[1] or 0))
        elif hunk and not _FILE_HEADER.match(line) and not line.startswith("\\"):
            if not line.startswith("+"):
                hunk.old.append(line[1:])
            if not line.startswith("-"):
                hunk.new.append(line[1:])


def _places(lines: Sequence[str], hunk: Hunk) -> list[int]:
    """Return where the old lines stand, apart from trailing white space."""
    old = [line.rstrip() for line in hunk.old]
    present = [line.rstrip() for line in lines]
    if not old:
        return []
    last = len(present) - len(old)
    return [place for place in range(last + 1) if present[place : place + len(old)] == old]


def _nearest(places: Sequence[int], stated: int) -> int:
    return min(places, key=lambda place: abs(place + 1 - stated))


def _refuse_hunk(number: int, hunk: Hunk, problem: str) -> Refused:
    hint = hunk.old[0] if hunk.old else "a hunk without context has no place"
    return _refuse(f"hunk {number} of the diff {problem}", hint)


def _refuse(where: str, hint: str) -> Refused:
    return Refused(
        reason="unreadable",
        where=where[:MAX_MESSAGE_CHARACTERS],
        hint=hint[:MAX_MESSAGE_CHARACTERS],
    )
