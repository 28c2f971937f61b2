"""Reads the files of a run that proposers and outside agents may see."""

from pathlib import Path, PurePosixPath

from agent.errors import UsageFault, near_names
from agent.git.answers import MAX_CHANGES
from agent.git.listing import CommittedFile, files_below
from agent.git.plumbing import Plumbing, content_of
from agent.project.find import Project
from agent.records.objective import Objective
from agent.records.sources import MAX_CHARACTERS
from sandbox.ground.text import shortened

MAX_BYTES = 4 * MAX_CHARACTERS
"""A larger file has more than MAX_CHARACTERS characters."""
MAX_NAME = 200
_PLAIN_DIFF = ("--no-color",)


class VisibleFiles:
    """The visible files of one run, at any commit of its branch."""

    def __init__(self, project: Project, objective: Objective) -> None:
        self._project = project.model_copy(update={"evaluate": objective.evaluate})
        self._git = Plumbing(Path(project.root))

    def at(self, commit: str) -> dict[str, CommittedFile]:
        """Return the visible plain files at `commit` by path, sorted."""
        files = files_below(self._git, commit)
        return {file.path: file for file in files if file.is_plain and self._shows(file.path)}

    def text(self, commit: str, path: str) -> str:
        """Return the text of a file at `commit`.

        Raise UsageFault if there is no such file, if it is hidden (with the same message), or if it
        is too large or not a text.
        """
        files = self.at(commit)
        file = files.get(path)
        name = shortened(path, MAX_NAME)
        if file is None:
            near = [shortened(other, MAX_NAME) for other in near_names(path, list(files))[:1]]
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageFault(f"There is no file {name} to be visible at this state.{hint}")
        if file.size > MAX_BYTES:
            raise UsageFault(f"{name} has {file.size} bytes: too many to be shown.")
        data = content_of(self._git, file.blob)
        if b"\0" in data:
            raise UsageFault(f"{name} is not a text file.")
        return data.decode("utf-8", "replace")

    def change(self, commit: str) -> str:
        """Return the unified diff of a commit against its parent, visible files only."""
        return self.between(f"{commit}^", commit)

    def between(self, before: str, after: str) -> str:
        """Return the unified diff between two commits, visible files only."""
        states = (before, after)
        names = self._git("diff-tree", "-r", "-z", "--no-renames", "--name-only", *states)
        visible = [path for path in names.split("\0") if path and self._shows(path)]
        return (
            self._git("diff", *_PLAIN_DIFF, *states, "--", *visible, most=MAX_CHANGES)
            if visible
            else ""
        )

    def _shows(self, path: str) -> bool:
        """Return whether a file is in the workspace and not hidden by the project."""
        inside = PurePosixPath(path).is_relative_to(self._project.workspace or ".")
        return inside and not self._project.hides(path)
