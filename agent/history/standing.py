"""A project's last commit as a bench needs it, where there is no run: nothing is written to git."""

from pathlib import Path

from agent.git.home import run_folder
from agent.git.plumbing import Plumbing
from agent.git.store import Store
from agent.history.files import Files
from agent.project.find import Project
from agent.project.settings import RunSettings
from sandbox.ground.leftovers import remove_tree
from sandbox.score.evaluator.evaluation import Split


class Standing:
    """A project as it stands. run: what a run that began here would be asked for."""

    def __init__(self, project: Project, run: RunSettings) -> None:
        self.run = run
        self._files = Files(Store(Plumbing(Path(project.root))), project, "HEAD", run.tag)
        self._files.belong_to(run)
        self.project = self._files.project

    @property
    def tag(self) -> str:
        """The name of the folder that its trainings are made in."""
        return self.run.tag

    @property
    def tip(self) -> str:
        """The commit."""
        return self.run.start_commit

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files as of `commit` to `folder`, those aside that no run sees."""
        self._files.export(commit, folder)

    def export_whole(self, folder: Path, split: Split) -> None:
        """Write the workspace's files as of the start to `folder`, hidden ones too."""
        self._files.export_whole(folder, split)

    def file_at(self, commit: str, path: str) -> str:
        """Return a file at `commit`. Raise HistoryFault if it has none."""
        return self._files.file_at(commit, path)

    def remove_folder(self) -> None:
        """Remove what its trainings left."""
        remove_tree(run_folder(Path(self.project.root), self.tag))
