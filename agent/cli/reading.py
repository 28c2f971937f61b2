"""Opens a run for the commands that only read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.history.history import History
from agent.history.runs import checked_out_run, list_runs, newest
from agent.project.around import project_around
from agent.project.find import Project


@contextmanager
def reading(branch: str | None) -> Iterator[History]:
    """Open the history of `branch`, or of the default run if it is None."""
    project = project_around(Path.cwd()).project
    with History.read(project, branch or _meant(project)) as history:
        yield history


def _meant(project: Project) -> str:
    """Return the default run: the one checked out here, else an active one, else the newest."""
    own = checked_out_run(project, Path.cwd())
    active = (run.branch for run in list_runs(project) if run.pid is not None)
    return own or next(active, None) or newest(project)
