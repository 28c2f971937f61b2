"""Finds the project around a folder, as git finds the repository around one."""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import ProjectFault
from agent.git.home import HOME
from agent.project.find import Project, find_project, root_of
from agent.project.settings import Settings, read_settings

WORKTREES = (HOME, "worktrees")
"""Below it, in a repository, the branch of each run is checked out."""


@dataclass(frozen=True)
class Around:
    """A project, and where it was found."""

    folder: Path
    """The one whose autoresearch.toml counts."""
    project: Project
    settings: Settings


def project_around(where: Path) -> Around:
    """Return the project of the folder `where`, or of the nearest folder above it that has one.

    Of several folders that mean the same train.py the outermost counts: `workspace` alone is no
    project. A run's worktree belongs to the project of the repository that it lies in. Raise
    ProjectFault if there is none in the repository.
    """
    inner = _outside_worktrees(where.resolve())
    root = root_of(inner)
    match: Around | None = None
    fault = ProjectFault(f"There is no project in {root}.", "autoresearch init")
    for folder in (inner, *inner.parents):
        if not folder.is_relative_to(root):
            break
        settings = read_settings(folder)
        try:
            project = find_project(folder, settings, hint=False)
        except ProjectFault as problem:
            fault = problem
            continue
        if match is None or project.train == match.project.train:
            match = Around(folder, project, settings)
    if match is None:
        # Scripts are looked for once, and not in every folder.
        find_project(root, read_settings(root))
        raise fault
    return match


def _outside_worktrees(folder: Path) -> Path:
    """Return `folder`, or for one in the worktree of a run the same folder in the checkout."""
    parts = folder.parts
    for place in range(len(parts) - len(WORKTREES)):
        if parts[place : place + len(WORKTREES)] == WORKTREES:
            base = Path(*parts[:place])
            same = base.joinpath(*parts[place + len(WORKTREES) + 1 :])
            return same if same.is_dir() else base
    return folder
