"""Computes the edits from one state of a project to another, small and verified."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from agent.edit.files.apply import apply_edits
from agent.edit.files.one import Edits, difference_in
from agent.errors import ProjectFault
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile, RewriteFile
from agent.records.sources import Sources, is_utf8

# A new file that shares this much of a deleted one's lines counts as that file renamed.
SAME_SHARE = 0.6
# Comparing more pairs of files takes too long; then a renamed file is deleted and added.
MAX_PAIRS = 400
MAX_LINES = 3_000
# Of longer files only the counts of equal lines are compared, not their order.
MAX_PRODUCT = 1_000_000


def difference(old: Sources, new: Sources) -> Edits:
    """Return edits with `apply_edits(old, edits)` equal to `new`, byte for byte.

    () if nothing differs. Raise ProjectFault where no edits can, since a file is not UTF-8 or the
    like in one of the states.
    """
    _refuse_beyond_edits(old, new)
    for renamed in (renamed_files(old, new), {}):
        edits = tuple(_edits(old, new, renamed))
        if apply_edits(old, edits) == new:
            return edits
    changed = [path for path in new.files if new.files[path] != old.files.get(path)]
    foreign = next((path for path in changed if not is_utf8(new.files[path])), None)
    if foreign:
        raise _unsayable(foreign, "it is not UTF-8")
    # A file that its own edits do not give: as a whole.
    return tuple(_whole_files(old, new))


def _refuse_beyond_edits(old: Sources, new: Sources) -> None:
    """Raise ProjectFault for a file that edits may touch in one of the states only.

    In the other it is binary, not UTF-8, a link or too large, and not deleted.
    """
    for path in sorted(old.files.keys() ^ new.files.keys()):
        reason = old.others.get(path) or new.others.get(path)
        if reason:
            raise _unsayable(path, reason)


def _unsayable(path: str, reason: str) -> ProjectFault:
    message = f"No edits make this change: {path} cannot be edited there: {reason}."
    return ProjectFault(message, "git status")


def _edits(old: Sources, new: Sources, renamed: Mapping[str, str]) -> Iterator[Edit]:
    """Yield the edits of each file, deletions first: a folder may take a file's place."""
    for path in old.files:
        if path not in new.files and path not in renamed:
            yield DeleteFile(file=path)
    for path, to in renamed.items():
        yield RenameFile(file=path, to=to)
    before = {renamed.get(path, path): text for path, text in old.files.items()}
    for path, text in new.files.items():
        if path not in before:
            yield AddFile(file=path, code=text)
        else:
            yield from _within(new, path, before[path], text)


def _within(sources: Sources, path: str, old: str, new: str) -> Iterator[Edit]:
    """Yield the edits of one file, which name it unless it is train.py."""
    for edit in difference_in(path, old, new):
        yield edit if path == sources.main else edit.model_copy(update={"file": path})


def _whole_files(old: Sources, new: Sources) -> Iterator[Edit]:
    for path in old.files:
        if path not in new.files:
            yield DeleteFile(file=path)
    for path, text in new.files.items():
        if path not in old.files:
            yield AddFile(file=path, code=text)
        elif old.files[path] != text:
            yield RewriteFile(file=None if path == new.main else path, code=text)


def following_renames(edits: Sequence[Edit], old: Sources, new: Sources) -> Edits:
    """Return edits of `old` with the paths that their files have in `new`."""
    renamed = renamed_files(old, new)
    return tuple(
        edit.model_copy(update={"file": renamed[edit.file]}) if edit.file in renamed else edit
        for edit in edits
    )


def renamed_files(old: Sources, new: Sources) -> dict[str, str]:
    """Return the new paths of files that were renamed, by their old ones."""
    gone = [path for path in old.files if path not in new.files]
    added = [path for path in new.files if path not in old.files]
    renamed = _moved(old, new, gone, added)
    gone = [path for path in gone if path not in renamed]
    if len(gone) * len(added) > MAX_PAIRS:
        return renamed
    for path in gone:
        likeness = {
            other: _likeness(old.files[path], new.files[other])
            for other in added
            if other not in renamed.values()
        }
        best = max(likeness, key=lambda other: likeness[other], default=None)
        if best is not None and likeness[best] >= SAME_SHARE:
            renamed[path] = best
    return renamed


def _moved(old: Sources, new: Sources, gone: list[str], added: list[str]) -> dict[str, str]:
    """Return the files that moved unchanged; those that keep their names are paired first."""
    homes: dict[str, list[str]] = {}
    for path in added:
        homes.setdefault(new.files[path], []).append(path)
    moved: dict[str, str] = {}
    for path in gone:
        places = homes.get(old.files[path])
        if places and old.files[path]:
            name = path.rpartition("/")[2]
            best = next((place for place in places if place.endswith(f"/{name}")), places[0])
            places.remove(best)
            moved[path] = best
    return moved


def _likeness(old: str, new: str) -> float:
    """Return the share of common lines, from 0 to 1."""
    if old == new:
        return 1.0
    before = old.splitlines()
    after = new.splitlines()
    if not before or not after or max(len(before), len(after)) > MAX_LINES:
        return 0.0
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    quick = matcher.quick_ratio()
    if quick < SAME_SHARE or len(before) * len(after) > MAX_PRODUCT:
        return quick if quick >= SAME_SHARE else 0.0
    return matcher.ratio()
