"""Finds the branch of a run by its name, and refuses one on which no run can go on."""

import re
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault, unknown
from agent.git.home import checked, is_tag, worktree_path
from agent.git.listing import files_at
from agent.git.plumbing import Plumbing
from agent.git.references import names_of, references, refuse_torn
from agent.git.repository import refuse_tracked
from agent.git.shallow import fault_of_depth
from agent.history.commits import times_of
from agent.history.flights import readable_flights
from agent.history.runs import FLIGHTS, HEADS, tip_of
from agent.project.find import Project


def tag_of(branch: str) -> str:
    """Return TAG, given TAG, autoresearch/TAG or REMOTE/autoresearch/TAG.

    Raise UsageFault if it is not a valid tag.
    """
    return checked(branch.rpartition("autoresearch/")[2])


def find_tip(git: Plumbing, branch: str) -> str:
    """Return the newest commit of the run TAG, autoresearch/TAG or REMOTE/autoresearch/TAG.

    A remote's branch is used if there is no local one. Raise HistoryFault if there is none at all.
    """
    tag = tag_of(branch)
    references = [HEADS + tag, *_remote_branches(git, tag)]
    if "/autoresearch/" in branch:
        references.insert(0, f"refs/remotes/{branch}")
    for reference in references:
        tip = tip_of(git, reference)
        if tip is not None:
            return tip
        if reference.startswith(HEADS):
            refuse_torn(git, reference)
    raise _no_branch(git, tag)


def _remote_branches(git: Plumbing, tag: str) -> list[str]:
    """Return the remote-tracking branches of a run."""
    pattern = re.compile(rf"refs/remotes/.+/autoresearch/{re.escape(tag)}")
    return [name for name in names_of(git, "refs/remotes") if pattern.fullmatch(name)]


def _no_branch(git: Plumbing, tag: str) -> HistoryFault:
    """Return the fault for a run without a branch.

    If attempts in flight show where it was, the next command brings it back.
    """
    parents = [flight.attempt.parent for flight in readable_flights(git, tag)]
    if not parents:
        return unknown_run(tag, run_tags(git))
    tip = git("rev-list", "--topo-order", "-1", *parents).strip()
    command = f"git branch autoresearch/{tag} {tip}   # brings it back"
    return HistoryFault(f"there is no run {tag} here; its branch was deleted", command)


def unknown_run(tag: str, tags: Sequence[str]) -> HistoryFault:
    """Return the fault for a run that is not among those of the repository, `tags`."""
    message = unknown("run", tag, tags) if tags else f"There is no run {tag!r} here."
    return HistoryFault(message, "autoresearch list   # or git fetch")


def run_tags(git: Plumbing) -> list[str]:
    """Return the tags of all branches that are named like runs, the newest first."""
    branches = references(git, HEADS, "refs/remotes")
    times = times_of(git, {reference.head for reference in branches})
    branches.sort(key=lambda branch: -times.get(branch.head, 0))
    names = [branch.name for branch in branches if "/autoresearch/" in branch.name]
    tags = [name.rpartition("autoresearch/")[2] for name in names]
    return [tag for tag in dict.fromkeys(tags) if is_tag(tag)]


def no_run(git: Plumbing, branch: str) -> HistoryFault:
    """Return the fault for a branch without the first commit of a run."""
    cut = fault_of_depth(git, branch)
    if cut is not None:
        return cut
    return HistoryFault(f"{branch} is not the branch of a run", "autoresearch start")


def refuse_taken(git: Plumbing, tag: str) -> None:
    """Raise HistoryFault if no new run can be called `tag`."""
    if tip_of(git, HEADS + tag):
        command = f"autoresearch resume {tag}   # or start --tag OTHER"
        raise HistoryFault(f"there is a run {tag} already", command)
    refuse_torn(git, HEADS + tag)
    if references(git, f"{FLIGHTS}{tag}/", most=1):
        message = f"attempts of an earlier run {tag}, whose branch is gone, are still in flight"
        command = f"autoresearch start --tag OTHER   # git for-each-ref {FLIGHTS}{tag} lists them"
        raise HistoryFault(message, command)
    if tip_of(git, HEADS.rstrip("/")):
        message = "a branch called autoresearch stands in the way of autoresearch/TAG"
        raise HistoryFault(message, "git branch -m autoresearch OTHER")


def has_file(git: Plumbing, commit: str, path: str) -> bool:
    """Return whether the commit has something at `path`."""
    return git.try_("rev-parse", "--verify", "--quiet", f"{commit}:{path}") is not None


def lost_file(project: Project, branch: str, commit: str, start: str, path: str) -> HistoryFault:
    """Return the fault for a commit that lacks a file which the commit `start` had."""
    there = f"git -C {quote(str(worktree_path(Path(project.root), tag_of(branch))))}"
    command = f"{there} checkout {start[:12]} -- {quote(path)} && {there} commit -m Restore"
    return HistoryFault(f"{path} is not in the commit {commit[:12]} of {branch}", command)


def refuse_incomplete(
    git: Plumbing, project: Project, branch: str, tip: str, start: str
) -> list[str]:
    """Raise HistoryFault if train.py or prepare.py is missing at the tip or is no plain file.

    Also if the tip has anything below .autoresearch. Return a warning if program.md is missing: a
    run can go on without a brief.
    """
    refuse_tracked(git, tip)
    needed = [path for path in (project.train, project.prepare) if path]
    briefs = [project.program] if project.program else []
    files = {file.path: file for file in files_at(git, tip, [*needed, *briefs])}
    for path in needed:
        if path not in files:
            raise lost_file(project, branch, tip, start, path)
    for path, file in files.items():
        if not file.is_plain:
            message = f"{path} is no plain file at the tip of {branch}"
            raise HistoryFault(message, f"git show {quote(f'{branch}:{path}')}")
    if not project.program or project.program in files:
        return []
    command = lost_file(project, branch, tip, start, project.program).next_command
    message = f"{branch} has no {project.program} any more, so there is no brief"
    return [f"{message}; {command} brings it back"]
