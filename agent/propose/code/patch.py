"""Applies unified diffs by text, since the line numbers that models write are mostly wrong.

Libraries for patches rely on the numbers in `@@`, or on counts that a model gets wrong as often.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.edit.files import Sources
from agent.propose.code.places import path_of
from agent.records.edits import AddFile, DeleteFile, Edit, Refused, RenameFile, RewriteFile

MAX_PATCH_CHARACTERS = 2**18
# Each hunk is searched for in the whole file.
MAX_HUNKS = 200
MAX_MESSAGE_CHARACTERS = 300
NOWHERE = "/dev/null"
"""The path of a file before it is added, or after it is deleted."""
_ABOUT = re.compile(r"(index|new file mode|old mode|new mode|similarity index|Binary files) ")
_NAMES = re.compile(r"diff --git a/(.+) b/(.+)")
_RENAMED = re.compile(r"rename (from|to) (.+)")
_HUNK = re.compile(r"@@(?: -(\d{1,7})(?:,\d+)? \+\d+(?:,\d+)? @@)?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass
class Hunk:
    """One hunk of a diff."""

    stated: int
    """The line that it claims to start at; 0 if it names none."""
    lines: list[str] = field(default_factory=list)
    """Each with its sign: a space, `-` or `+`."""
    is_last: bool = False
    r"""Whether its last new line ends the file without a line break, `\ No newline …`."""

    @property
    def old(self) -> list[str]:
        """The lines before the change, without their signs."""
        return [line[1:] for line in self.lines if not line.startswith("+")]

    @property
    def changes(self) -> bool:
        """Whether it adds or removes a line."""
        return any(line.startswith(("+", "-")) for line in self.lines)


@dataclass
class _Part:
    """The part of a diff for one file."""

    old: str = ""
    """Its path before; "" if the diff names no file."""
    new: str = ""
    """Its path afterwards; likewise."""
    has_paths: bool = False
    """Whether they come from `---` and `+++`."""
    body: list[str] = field(default_factory=list)

    @property
    def has_hunks(self) -> bool:
        """Whether a line of it begins a hunk."""
        return any(line.startswith("@@") for line in self.body)

    def is_open_for(self, old: str, new: str) -> bool:
        """Whether paths may be added: it has none yet, or only those of `diff --git`."""
        fits = self.old in ("", old) or self.new in ("", new)
        return fits and not self.has_paths and not self.has_hunks

    def learn(self, line: str) -> bool:
        """Read the paths in a line before the hunks; return whether it has any."""
        renamed = _RENAMED.match(line)
        if renamed and renamed[1] == "from":
            self.old = renamed[2]
        elif renamed:
            self.new = renamed[2]
        elif line.startswith("deleted file mode "):
            self.new = NOWHERE
        elif line.startswith("new file mode "):
            self.old = NOWHERE
        else:
            return False
        return True


def patch_edits(sources: Sources, patch: str) -> tuple[Edit, ...] | Refused:
    """Return a diff as edits of the files that it names, or of train.py if it names none.

    In a project of one file, every diff is for that file, whatever name a model gives it. Several
    parts for one file build on each other.
    """
    if len(patch) > MAX_PATCH_CHARACTERS:
        return _refuse("the diff", f"longer than {MAX_PATCH_CHARACTERS} characters")
    texts = dict(sources.files)
    edits: list[Edit] = []
    for part in _by_file(patch):
        made = _edits_of(sources, part, texts)
        if isinstance(made, Refused):
            return made
        edits += made
    return tuple(edits)


def _edits_of(sources: Sources, part: _Part, texts: dict[str, str]) -> list[Edit] | Refused:
    """Return the edits of one part, and update `texts` with their results."""
    main = sources.main
    old = _named(part.old, sources)
    new = _named(part.new, sources)
    edits: list[Edit] = []
    if new == NOWHERE:
        texts.pop(old, None)
        return [DeleteFile(file=old)]
    if old not in (NOWHERE, new):
        edits.append(RenameFile(file=old, to=new))
        texts[new] = texts.pop(old, "")
    if not part.has_hunks and (edits or old == NOWHERE):
        return edits or [AddFile(file=new, code="")]
    is_new = new not in texts
    if is_new and old != NOWHERE:
        return _refuse(f"the diff changes {new}, which does not exist", sources.near(new))
    text = apply_patch(texts.get(new, ""), "\n".join(part.body), is_new)
    if isinstance(text, Refused):
        where = text.where if new == main else f"{new}: {text.where}"
        return _refuse(where, text.hint)
    texts[new] = text
    if is_new:
        return [AddFile(file=new, code=text)]
    return [*edits, RewriteFile(file=None if new == main else new, code=text)]


def _named(path: str, sources: Sources) -> str:
    """Return the file that a path in a diff means; train.py if it is the only file."""
    if not path or not sources.is_project:
        return sources.main
    return path if path == NOWHERE else path_of(path, sources)


def _by_file(patch: str) -> list[_Part]:
    """Split a diff into parts at each `diff --git`, or `---` before `+++`."""
    parts = [_Part()]
    lines = patch.split("\n")
    skipped = -1
    for number, line in enumerate(lines):
        names = _NAMES.match(line)
        if number == skipped:
            continue
        if names:
            parts.append(_Part(names[1], names[2]))
        elif _begins_file(lines[number : number + 3]):
            old = _path_in(line)
            new = _path_in(lines[number + 1])
            if not parts[-1].is_open_for(old, new):
                parts.append(_Part())
            parts[-1].old = old
            parts[-1].new = new
            parts[-1].has_paths = True
            skipped = number + 1
        elif parts[-1].has_hunks or not parts[-1].learn(line):
            parts[-1].body.append(line)
    named = [part for part in parts if part.has_hunks or part.old != part.new]
    return named or parts[-1:]


def _begins_file(lines: Sequence[str]) -> bool:
    """Return whether lines begin with the two paths of a file.

    In a hunk, `--- x` may also be the removed line `-- x`.
    """
    if len(lines) < 2 or not lines[0].startswith("--- ") or not lines[1].startswith("+++ "):
        return False
    is_named = NOWHERE in (_path_in(lines[0]), _path_in(lines[1]))
    return is_named or (len(lines) == 3 and lines[2].startswith("@@"))


def _path_in(line: str) -> str:
    """Return the path in a `---` or `+++` line."""
    path = line[4:].split("\t")[0].strip()
    return path[2:] if path[:2] in ("a/", "b/") else path


def apply_patch(source: str, patch: str, is_new: bool = False) -> str | Refused:
    """Return `source` with all hunks applied, or why one does not match exactly once.

    Unchanged lines keep every byte; new ones end like the others. is_new: the file does not exist
    yet, so that its hunks have only new lines.
    """
    if len(patch) > MAX_PATCH_CHARACTERS:
        return _refuse("the diff", f"longer than {MAX_PATCH_CHARACTERS} characters")
    hunks = [hunk for hunk in _hunks(patch.rstrip("\n").split("\n")) if hunk.changes]
    if not hunks:
        return _refuse(
            "the diff", "it has no hunk: a line that begins with @@, then lines with + or -"
        )
    if len(hunks) > MAX_HUNKS:
        return _refuse("the diff", f"it has {len(hunks)} hunks; at most {MAX_HUNKS} are read")
    lines = _LINE.findall(source)
    end = "\r\n" if source.count("\r\n") > source.count("\n") / 2 else "\n"
    for number, hunk in enumerate(hunks, 1):
        places = [len(lines)] if not hunk.old and (is_new or not lines) else _places(lines, hunk)
        if not places:
            problem = "does not fit: these lines are not in the file"
            return _refuse_hunk(number, hunk, problem)
        if len(places) > 1 and not hunk.stated:
            problem = f"fits in {len(places)} places: give more context"
            return _refuse_hunk(number, hunk, problem)
        place = _nearest(places, hunk.stated)
        stop = place + len(hunk.old)
        lines[place:stop] = _replaced(lines[place:stop], hunk, end, stop == len(lines))
    return "".join(lines)


def _replaced(old: Sequence[str], hunk: Hunk, end: str, at_end: bool) -> list[str]:
    """Return the lines that replace those at which a hunk matches."""
    waiting = iter(old)
    lines: list[str] = []
    for line in hunk.lines:
        sign = line[:1]
        if sign == "+":
            lines.append(line[1:].rstrip("\r") + end)
            continue
        same = next(waiting)
        if sign != "-":
            lines.append(same)
    ended = [line if line.endswith("\n") else line + end for line in lines[:-1]]
    last = lines[-1:]
    if last and hunk.is_last and at_end:
        last = [last[0].rstrip("\r\n")]
    return ended + last


def _hunks(lines: Sequence[str]) -> Iterator[Hunk]:
    hunk: Hunk | None = None
    for line in lines:
        start = _HUNK.match(line)
        if start:
            if hunk:
                yield hunk
            hunk = Hunk(int(start[1] or 0))
        elif hunk and line.startswith("\\"):
            hunk.is_last = not hunk.lines or not hunk.lines[-1].startswith("-")
        elif hunk and not _ABOUT.match(line):
            hunk.lines.append(line)
    if hunk:
        yield hunk


def _places(lines: Sequence[str], hunk: Hunk) -> list[int]:
    """Return the places that match the old lines, apart from trailing white space."""
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
