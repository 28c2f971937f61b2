"""Applies typed edits to the files of a project, all of them or none."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby

from agent.edit.files.one import edited, fault_of_new
from agent.edit.files.taken import Taken
from agent.edit.source import refuse
from agent.records.edits import AddFile, DeleteFile, Edit, Refused, RenameFile
from agent.records.patterns import fault_of_path, matches
from agent.records.sources import MAX_FILES, MAX_GROWN, Sources
from sandbox.ground.text import one_line

MAX_TEXT = 300
"""The most characters of the text that a refusal quotes."""


def apply_edits(sources: Sources, edits: Sequence[Edit]) -> Sources | Refused:
    """Return the project after `edits`, applied in turn, or why they cannot be applied.

    Every byte that no edit names is as it was, and every file that parsed still does. Never raises,
    whatever the files and the edits contain.
    """
    work = _Work(sources)
    runs = groupby(edits, key=lambda edit: (work.path_of(edit), _is_whole(edit)))
    for (path, is_whole), group in runs:
        run = list(group)
        refused = work.move(run) if is_whole else work.edit(path, run)
        if refused:
            return refused
    result = work.result
    if result.length > max(MAX_GROWN, sources.length):
        return refuse("syntax", "all files together", f"longer than {MAX_GROWN} characters")
    return result


def _is_whole(edit: Edit) -> bool:
    """Return whether an edit adds, deletes or renames a file."""
    return isinstance(edit, AddFile | DeleteFile | RenameFile)


def located(path: str, refused: Refused) -> Refused:
    """Return a refusal with the file's path added."""
    return refused.model_copy(update={"where": one_line(f"{path}: {refused.where}", MAX_TEXT)})


class _Work:
    """A project while edits are made."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files = dict(sources.files)

    @cached_property
    def _taken(self) -> Taken:
        return Taken((*self._files, *self._sources.others))

    @property
    def result(self) -> Sources:
        """The project as it is now."""
        return replace(self._sources, files=self._files)

    def path_of(self, edit: Edit) -> str:
        """Return the path of the file that an edit is about."""
        return self._sources.main if edit.file is None else edit.file

    def edit(self, path: str, edits: Sequence[Edit]) -> Refused | None:
        """Apply edits to one file, or return why they cannot be applied."""
        refused = self._unusable(path)
        if refused:
            return refused
        text = edited(path, self._files[path], edits)
        if isinstance(text, Refused):
            return text if path == self._sources.main else located(path, text)
        self._files[path] = text
        return None

    def move(self, edits: Sequence[Edit]) -> Refused | None:
        """Add, delete and rename files, or return why that cannot be done."""
        for edit in edits:
            refused = self._whole(edit)
            if refused:
                return refused
        return None

    def _whole(self, edit: Edit) -> Refused | None:
        match edit:
            case AddFile(file=path, code=text):
                refused = self._untaken(path) or fault_of_new(path, text)
            case DeleteFile(file=path):
                return self._remove(path)
            case RenameFile(file=old, to=path):
                text = self._files.get(old, "")
                refused = self._remove(old) or self._untaken(path)
            case _:
                raise AssertionError(edit)
        if refused:
            return refused
        self._files[path] = text
        self._taken.add(path)
        return None

    def _remove(self, path: str) -> Refused | None:
        if path == self._sources.main:
            return refuse("outside-file", f"{path} is what runs", "it keeps its name")
        refused = self._unusable(path)
        if refused:
            return refused
        self._taken.remove(path)
        del self._files[path]
        return None

    def _unusable(self, path: str) -> Refused | None:
        """Return why the file at `path` cannot be edited, or None."""
        if path in self._files and matches(path, self._sources.patterns):
            return None
        others = self._sources.others
        hint = self.result.near(path)
        if others.get(path):
            return refuse("outside-file", f"{path} is not edited: {others[path]}", hint)
        there = path in self._files or path in others
        what = "is not one of the files that are edited" if there else "does not exist"
        return refuse("outside-file", f"{path} {what}", hint)

    def _untaken(self, path: str) -> Refused | None:
        """Return why no new file may be at `path`, or None."""
        sources = self._sources
        fault = fault_of_path(path)
        if fault:
            return refuse("outside-file", f"{path} is no path for a file", fault)
        if not matches(path, sources.patterns):
            where = f"{path} is outside what may be edited"
            return refuse("outside-file", where, f"it is: {', '.join(sources.patterns)}")
        if path in self._files or path in sources.others:
            why = sources.others.get(path) or "edit it, or choose another path"
            return refuse("outside-file", f"{path} is taken", why)
        other = self._taken.in_the_way(path)
        if other:
            return refuse("outside-file", f"{path} is in the way of {other}", "choose another path")
        twin = self._taken.twin_of(path)
        if twin:
            where = f"{path} is the same as {twin} to some systems"
            return refuse("outside-file", where, "choose another path")
        if len(self._files) >= MAX_FILES:
            hint = f"at most {MAX_FILES}"
            return refuse("outside-file", f"{path} would be one file too many", hint)
        return None
