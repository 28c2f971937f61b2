"""Finds the runs of a repository: its branches, and local files in its checkouts."""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import Fault
from agent.git.home import HOME, run_folder, worktree_path
from agent.git.plumbing import Plumbing
from agent.git.repository import refuse_foreign
from agent.git.shallow import fault_of_depth
from agent.history.branch import tag_of, unknown_run
from agent.history.checkout import checkouts, is_checkout
from agent.history.firsts import first_commits
from agent.history.runs import RunSummary, list_runs
from agent.project.find import Project, find_project, root_of
from agent.project.settings import read_settings


@dataclass(frozen=True)
class Run:
    """A run of the repository."""

    summary: RunSummary
    home: Project
    """The checkout in which a process works on it, else one that has its local files."""

    @property
    def tag(self) -> str:
        """The branch's name without autoresearch/."""
        return self.summary.tag


def homes(where: Path) -> tuple[Project, ...]:
    """Return the project in each checkout of the repository around `where`, that one first.

    The worktrees of runs are left out.
    """
    root = root_of(where)
    git = Plumbing(root)
    # What a received .git lists may be a checkout of another repository of the user's.
    listed = [path for path, _ in checkouts(git) if not _is_own(path)]
    others = [path for path in listed if path != root and is_checkout(git, path)]
    places = dict.fromkeys((root, *others))
    for place in places:
        refuse_foreign(Plumbing(place), place)
    return tuple(_project(place) for place in places)


def runs_of(places: tuple[Project, ...]) -> list[Run]:
    """Return the runs of the repository, the newest first. places: its checkouts."""
    git = Plumbing(Path(places[0].root))
    runs = []
    is_cut = fault_of_depth(git, "a run") is not None
    listings = [_by_tag(home) for home in places]
    summaries = list_runs(places[0])
    firsts = first_commits(git, (summary.commit for summary in summaries))
    for summary in summaries:
        # What is damaged is not among them; it is listed, and said to be.
        if firsts.get(summary.commit, "") is None and not is_cut:
            continue
        working = (
            Run(listing[summary.tag], home)
            for listing, home in zip(listings, places, strict=True)
            if listing[summary.tag].pid is not None
        )
        local = (Run(summary, home) for home in places if is_local(home, summary.tag))
        runs.append(next(working, None) or next(local, None) or Run(summary, places[0]))
    return runs


def _by_tag(home: Project) -> dict[str, RunSummary]:
    return {run.tag: run for run in list_runs(home)}


def find_run(runs: list[Run], name: str) -> Run:
    """Return the run TAG or autoresearch/TAG. Raise HistoryFault if there is none."""
    tag = tag_of(name)
    match = next((run for run in runs if run.tag == tag), None)
    if match is None:
        raise unknown_run(tag, [run.tag for run in runs])
    return match


def is_local(home: Project, tag: str) -> bool:
    """Return whether a checkout has local files of a run."""
    root = Path(home.root)
    return run_folder(root, tag).exists() or worktree_path(root, tag).exists()


def _is_own(path: Path) -> bool:
    return path.parts[-3:-1] == (HOME, "worktrees")


def _project(root: Path) -> Project:
    """Return the project at the top of a checkout.

    If its branch has no project, return one that is sufficient to read runs of other branches.
    """
    try:
        return find_project(root, read_settings(root))
    except Fault:
        return Project(
            root=str(root),
            workspace="",
            train="train.py",
            prepare=None,
            program=None,
            score="printed",
        )
