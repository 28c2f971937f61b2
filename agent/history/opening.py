"""Makes the branch of a run, and takes its lock, before the run is read."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from agent.errors import HistoryFault
from agent.git.home import checked, run_folder
from agent.git.lock import hold
from agent.git.plumbing import Plumbing
from agent.git.repository import refuse_tracked
from agent.history.branch import find_tip, refuse_taken, tag_of
from agent.history.messages import run_message
from agent.history.prior import commit_prior
from agent.history.runs import HEADS, lock_path
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.results import PriorTrial


def locked(project: Project, tag: str) -> IO[str]:
    """Take the lock of a run. Raise RunBusy if another process has it."""
    run_folder(Path(project.root), tag, make=True)
    return hold(lock_path(project, tag), f"the run {tag}")


def create_branch(project: Project, run: RunSettings, prior: Sequence[PriorTrial]) -> IO[str]:
    """Create the branch of a new run with its first commit; return the run's lock.

    Raise HistoryFault if the tag is taken.
    """
    git = Plumbing(Path(project.root))
    reference = HEADS + checked(run.tag)
    refuse_tracked(git, run.start_commit)
    lock = locked(project, run.tag)
    try:
        refuse_taken(git, run.tag)
        parents = ["-p", run.start_commit]
        if prior:
            parents += ["-p", commit_prior(git, prior, run.warm)]
        message = run_message(run).encode()
        tree = f"{run.start_commit}^{{tree}}"
        first = git("commit-tree", tree, *parents, "-F", "-", stdin=message).strip()
        git("update-ref", reference, first, "")
    except BaseException:
        lock.close()
        raise
    return lock


def ensure_branch(git: Plumbing, branch: str) -> None:
    """Create the local branch of a run that only a remote has.

    Raise HistoryFault for a branch that leads to the object of a tag: no commit can follow it.
    """
    reference = HEADS + tag_of(branch)
    answer = git.try_("rev-parse", reference, f"{reference}^{{commit}}")
    if answer is None:
        git("update-ref", reference, find_tip(git, branch), "")
        return
    head, tip = answer.split("\n")
    if head != tip:
        command = f"git update-ref {reference} {tip}   # leads to what was tagged"
        raise HistoryFault(f"{reference} leads to a tag, and not to a commit", command)
