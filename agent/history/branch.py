"""The branch of a run: found by its name, and refused where there is none to be worked on."""

import re
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import checked, worktree_path
from agent.git.plumbing import Plumbing
from agent.git.repository import refuse_tracked
from agent.history.flights import readable_flights
from agent.history.runs import FLIGHTS, HEADS, tip_of
from agent.project.find import Project


def tag_of(branch: str) -> str:
    """Return the tag of TAG, autoresearch/TAG or REMOTE/autoresearch/TAG. Raise UsageFault for what cannot be one."""
    return checked(branch.rpartition("autoresearch/")[2])


def find_tip(git: Plumbing, branch: str) -> str:
    """The commit of TAG, autoresearch/TAG or REMOTE/autoresearch/TAG; of a remote's branch where there is no local one."""
    tag = tag_of(branch)
    asked = [f"refs/remotes/{branch}"] if "/autoresearch/" in branch else []
    remotes = git("for-each-ref", "--format=%(refname)", "refs/remotes").splitlines()
    others = [
        name
        for name in remotes
        if re.fullmatch(rf"refs/remotes/.+/autoresearch/{re.escape(tag)}", name)
    ]
    tip = next((tip for name in (*asked, HEADS + tag, *others) if (tip := tip_of(git, name))), None)
    if tip is None:
        raise _no_branch(git, tag)
    return tip


def _no_branch(git: Plumbing, tag: str) -> HistoryFault:
    """What is in flight of a deleted branch says where it stood."""
    parents = [flight.attempt.parent for flight in readable_flights(git, tag)]
    if parents:
        tip = git("rev-list", "--topo-order", "-1", *parents).strip()
        command = f"git branch autoresearch/{tag} {tip}   # brings it back"
        return HistoryFault(f"there is no run {tag} here; its branch was deleted", command)
    return HistoryFault(f"there is no run {tag} here", "autoresearch log   # or git fetch")


def no_run(git: Plumbing, branch: str) -> HistoryFault:
    """Return the fault of a branch that has no run's first commit."""
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        return HistoryFault(
            f"this clone is too shallow to hold the beginning of {branch}", "git fetch --unshallow"
        )
    return HistoryFault(f"{branch} is not the branch of a run", "autoresearch start")


def refuse_taken(git: Plumbing, tag: str) -> None:
    """Raise HistoryFault if a run cannot be called so because of what is there."""
    if tip_of(git, HEADS + tag):
        raise HistoryFault(
            f"there is a run {tag} already", f"autoresearch resume {tag}   # or start --tag OTHER"
        )
    if git("for-each-ref", "--count=1", f"{FLIGHTS}{tag}/"):
        message = f"attempts of an earlier run {tag}, whose branch is gone, are still in flight"
        raise HistoryFault(
            message,
            f"autoresearch start --tag OTHER   # git for-each-ref {FLIGHTS}{tag} lists them",
        )
    if tip_of(git, HEADS.rstrip("/")):
        raise HistoryFault(
            "a branch called autoresearch stands in the way of autoresearch/TAG",
            "git branch -m autoresearch OTHER",
        )


def has_file(git: Plumbing, commit: str, path: str) -> bool:
    """Return whether there is such a file in the commit."""
    return git.try_("rev-parse", "--verify", "--quiet", f"{commit}:{path}") is not None


def lost_file(project: Project, branch: str, commit: str, start: str, path: str) -> HistoryFault:
    """Return the fault of a branch whose commit has lost a file of the project that its `start` had."""
    there = quote(str(worktree_path(Path(project.root), tag_of(branch))))
    command = (
        f"git -C {there} checkout {start[:12]} -- {quote(path)} && git -C {there} commit -m Restore"
    )
    return HistoryFault(f"{path} is not in the commit {commit[:12]} of {branch}", command)


def refuse_incomplete(
    git: Plumbing, project: Project, branch: str, tip: str, start: str
) -> list[str]:
    """Raise HistoryFault if there is no plain train.py or prepare.py at the tip, or something of .autoresearch.

    Return a sentence where there is no program.md any more: a run can go on without a brief.
    """
    refuse_tracked(git, tip)
    listing = git(
        "ls-tree", "-z", tip, "--", *filter(None, (project.train, project.prepare, project.program))
    )
    entries = [line.partition("\t") for line in listing.split("\0") if line]
    mode_of = {path: head.split(" ")[0] for head, _, path in entries}
    for path in filter(None, (project.train, project.prepare)):
        if path not in mode_of:
            raise lost_file(project, branch, tip, start, path)
    for path, mode in mode_of.items():
        if not mode.startswith("100"):
            message = f"{path} is no plain file at the tip of {branch}"
            raise HistoryFault(message, f"git show {branch}:{quote(path)}")
    if not project.program or project.program in mode_of:
        return []
    command = lost_file(project, branch, tip, start, project.program).next_command
    return [
        f"{branch} has no {project.program} any more, so there is no brief; {command} brings it back"
    ]
