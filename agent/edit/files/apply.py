"""Typed edits onto the files of a project, all of them or none."""

from collections.abc import Sequence
from itertools import groupby

from agent.edit.files.one import edited, fault_of_new
from agent.edit.files.patterns import fault_of_path, matches, twin_of
from agent.edit.files.sources import MAX_FILES, MAX_GROWN, Sources
from agent.edit.source import refuse
from agent.records.edits import AddFile, DeleteFile, Edit, Refused, RenameFile
from sandbox.ground.text import one_line

MAX_TEXT = 300
"""Characters of the place that a refusal names."""


def apply_edits(sources: Sources, edits: Sequence[Edit]) -> Sources | Refused:
    """Return the project with `edits` made in turn, or why that is not possible.

    Every byte that no edit names is as it was, and every file that parsed still does. Never raises,
    whatever the files and the edits contain.
    """
    current: Sources | Refused = sources
    for (path, _), group in groupby(
        edits, key=lambda edit: (_path_of(sources, edit), _is_whole(edit))
    ):
        if isinstance(current, Refused):
            break
        current = _made(current, path, list(group))
    if isinstance(current, Sources) and current.length > max(MAX_GROWN, sources.length):
        return refuse("syntax", "all files together", f"longer than {MAX_GROWN} characters")
    return current


def _path_of(sources: Sources, edit: Edit) -> str:
    return sources.main if edit.file is None else edit.file


def _is_whole(edit: Edit) -> bool:
    """Return whether an edit is about a file and not about what is in it."""
    return isinstance(edit, AddFile | DeleteFile | RenameFile)


def _made(sources: Sources, path: str, edits: Sequence[Edit]) -> Sources | Refused:
    if _is_whole(edits[0]):
        current: Sources | Refused = sources
        for edit in edits:
            if isinstance(current, Sources):
                current = _whole(current, edit)
        return current
    refused = _unusable(sources, path)
    if refused:
        return refused
    text = edited(path, sources.files[path], edits)
    if isinstance(text, Refused):
        return text if path == sources.main else located(path, text)
    return sources.with_file(path, text)


def located(path: str, refused: Refused) -> Refused:
    """Return a refusal that says in which file."""
    return refused.model_copy(update={"where": one_line(f"{path}: {refused.where}", MAX_TEXT)})


def _whole(sources: Sources, edit: Edit) -> Sources | Refused:
    match edit:
        case AddFile(file=path, code=text):
            refused = _untaken(sources, path) or fault_of_new(path, text)
            return refused or sources.with_file(path, text)
        case DeleteFile(file=path):
            return _removable(sources, path) or sources.without(path)
        case RenameFile(file=path, to=to):
            refused = _removable(sources, path) or _untaken(sources.without(path), to)
            return refused or sources.without(path).with_file(to, sources.files[path])
    raise AssertionError(edit)


def _unusable(sources: Sources, path: str) -> Refused | None:
    """Return why the file at `path` cannot be edited, or None."""
    if path in sources.files and matches(path, sources.patterns):
        return None
    why = sources.others.get(path)
    if why:
        return refuse("outside-file", f"{path} is not edited: {why}", sources.near(path))
    there = path in sources.files or path in sources.others
    what = "is not one of the files that are edited" if there else "does not exist"
    return refuse("outside-file", f"{path} {what}", sources.near(path))


def _removable(sources: Sources, path: str) -> Refused | None:
    if path == sources.main:
        return refuse("outside-file", f"{path} is what runs", "it keeps its name")
    return _unusable(sources, path)


def _untaken(sources: Sources, path: str) -> Refused | None:
    """Return why no new file may be at `path`, or None."""
    fault = fault_of_path(path)
    if fault:
        return refuse("outside-file", f"{path} is no path for a file", fault)
    if not matches(path, sources.patterns):
        allowed = ", ".join(sources.patterns)
        return refuse("outside-file", f"{path} is outside what may be edited", f"it is: {allowed}")
    folder = f"{path}/"
    there = (*sources.files, *sources.others)
    for other in there:
        if other == path:
            why = sources.others.get(path) or "edit it, or choose another path"
            return refuse("outside-file", f"{path} is taken", why)
        if other.startswith(folder) or path.startswith(f"{other}/"):
            return refuse("outside-file", f"{path} is in the way of {other}", "choose another path")
    twin = twin_of(path, there)
    if twin:
        where = f"{path} is the same as {twin} to some systems"
        return refuse("outside-file", where, "choose another path")
    if len(sources.files) >= MAX_FILES:
        return refuse("outside-file", f"{path} would be one file too many", f"at most {MAX_FILES}")
    return None
