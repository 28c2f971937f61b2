"""A project without a run, for a bench that measures its last commit. Writes nothing to git."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.git.home import HOME, below
from agent.git.plumbing import Plumbing
from agent.git.store import Store
from agent.history.files import Files
from agent.history.runs import UNSTARTED
from agent.project.find import Project
from agent.project.settings import RunSettings
from sandbox.ground.leftovers import temporary_folder
from sandbox.score.evaluator.evaluation import Split


@contextmanager
def passing_tag(project: Project) -> Iterator[str]:
    """Yield a tag for an Unstarted, and remove its folder on leaving.

    Folders that killed processes left are removed first.
    """
    runs = below(Path(project.root), HOME, "runs", make=True)
    with temporary_folder(UNSTARTED, runs, passed=True) as folder:
        yield folder.name


class Unstarted:
    """A project at its last commit. run: the settings that a run would be started with."""

    def __init__(self, project: Project, run: RunSettings) -> None:
        self.run = run
        self._files = Files(Store(Plumbing(Path(project.root))), project, "HEAD", run.tag)
        self._files.belong_to(run)
        self.project = self._files.project

    @property
    def tag(self) -> str:
        """The name of the folder of its trainings."""
        return self.run.tag

    @property
    def tip(self) -> str:
        """The commit that is measured."""
        return self.run.start_commit

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files at `commit` to `folder`, without hidden ones."""
        self._files.export(commit, folder)

    def export_whole(self, folder: Path, split: Split) -> None:
        """Write the workspace's files at the start to `folder`, hidden ones included."""
        self._files.export_whole(folder, split)

    def file_at(self, commit: str, path: str) -> str:
        """Return the text of a file at `commit`. Raise HistoryFault if it is missing."""
        return self._files.file_at(commit, path)
