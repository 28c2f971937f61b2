"""The files of a run that a proposer or an outside agent may read, at any state of its branch."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agent.errors import UsageFault, near_names
from agent.git.plumbing import Plumbing
from agent.project.find import Project
from agent.records.objective import Objective
from agent.records.sources import MAX_CHARACTERS
from sandbox.ground.text import shortened

MAX_BYTES = 4 * MAX_CHARACTERS
"""A larger file has more characters than are read."""
MAX_NAME = 200
_PLAIN_MODES = ("100644", "100755")
_PLAIN_DIFF = ("--no-color",)


class VisibleFile(NamedTuple):
    """A plain file of a commit."""

    path: str
    """In the repository, with forward slashes."""
    blob: str
    size: int
    """Bytes."""


class VisibleFiles:
    """What may be seen of the files of one run; nothing else of a commit is read here."""

    def __init__(self, project: Project, objective: Objective) -> None:
        self._project = project.model_copy(update={"evaluate": objective.evaluate})
        self._git = Plumbing(Path(project.root))

    def at(self, commit: str) -> dict[str, VisibleFile]:
        """Return the files at `commit` by their paths, sorted."""
        listing = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        files = {}
        for line in listing.split("\0"):
            head, _, path = line.partition("\t")
            mode, _, blob, size = head.split() if path else ("", "", "", "")
            if mode in _PLAIN_MODES and self._shows(path):
                files[path] = VisibleFile(path, blob, int(size))
        return files

    def text(self, commit: str, path: str) -> str:
        """Return the text of a file at `commit`.

        Raise UsageFault for a path that no visible file has there, and for a file that is no text.
        A hidden file is answered for like a missing one.
        """
        files = self.at(commit)
        file = files.get(path)
        name = shortened(path, MAX_NAME)
        if file is None:
            near = [shortened(other, MAX_NAME) for other in near_names(path, list(files))[:1]]
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageFault(f"There is no file {name} to be seen at this state.{hint}")
        if file.size > MAX_BYTES:
            raise UsageFault(f"{name} has {file.size} bytes: too many to be shown.")
        data = self._git.bytes("cat-file", "blob", file.blob)
        if b"\0" in data:
            raise UsageFault(f"{name} is not a text file.")
        return data.decode("utf-8", "replace")

    def change(self, commit: str) -> str:
        """Return the unified diff of a commit against its parent, of visible files only."""
        return self.between(f"{commit}^", commit)

    def between(self, one: str, other: str) -> str:
        """Return the unified diff of two states, of visible files only."""
        states = (one, other)
        names = self._git("diff-tree", "-r", "-z", "--no-renames", "--name-only", *states)
        seen = [path for path in names.split("\0") if path and self._shows(path)]
        return self._git("diff", *_PLAIN_DIFF, *states, "--", *seen) if seen else ""

    def _shows(self, path: str) -> bool:
        """Return whether a file lies in the workspace, and is none that the project hides."""
        inside = PurePosixPath(path).is_relative_to(self._project.workspace or ".")
        return inside and not self._project.hides(path)
