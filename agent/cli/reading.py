"""Opens a run for the commands that only read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.history.history import History
from agent.history.runs import list_runs, newest
from agent.project.find import Project, find_project
from agent.project.settings import read_settings


@contextmanager
def reading(branch: str | None) -> Iterator[History]:
    """Open the history of `branch`, or of the active run, else of the newest."""
    folder = Path.cwd()
    project = find_project(folder, read_settings(folder))
    with History.read(project, branch or _active(project)) as history:
        yield history


def _active(project: Project) -> str:
    """Return the branch of a run that a process works on, else of the newest run."""
    active = (run.branch for run in list_runs(project) if run.pid is not None)
    return next(active, None) or newest(project)
