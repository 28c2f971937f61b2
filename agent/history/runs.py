"""The runs that a repository knows, and what a new one needs: a free tag, and a commit that is what the user sees."""

import os
import re
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import HistoryFault
from agent.git.home import is_tag, remove_file, run_folder, worktree_path
from agent.git.lock import holder
from agent.git.plumbing import INDEX, Plumbing
from agent.history.trailers import RUN
from agent.project.find import Project
from sandbox.ground.leftovers import remove_tree, sweep
from sandbox.ground.record import Record

HEADS = "refs/heads/autoresearch/"
FLIGHTS = "refs/autoresearch/"
GIT_LOCK_SECONDS = 1.0


class RunSummary(Record):
    """One run that the repository knows. branch: a remote-tracking one where there is no local one. at: of its newest commit."""

    tag: str
    branch: str
    commit: str
    at: str
    pid: int | None
    """The process that works on it now."""


def list_runs(project: Project) -> tuple[RunSummary, ...]:
    """The runs of the repository, newest first; a remote-tracking branch counts where there is no local one.

    By their branches' names alone: karpathy/autoresearch's own agents leave branches of the same form (`newest` looks closer).
    """
    git = Plumbing(Path(project.root))
    form = "%(objectname) %(committerdate:unix) %(refname)"
    runs: dict[str, RunSummary] = {}
    for line in git(
        "for-each-ref", "--sort=-committerdate", f"--format={form}", HEADS, "refs/remotes"
    ).splitlines():
        commit, stamp, reference = line.split(" ", 2)
        match = re.fullmatch(r"refs/(?:heads|remotes)/((.+/)?autoresearch/([^/]+))", reference)
        match = match if match and is_tag(match[3]) else None
        if (
            match
            and bool(match[2]) == reference.startswith("refs/remotes/")
            and (match[3] not in runs or not match[2])
        ):
            at = datetime.fromtimestamp(int(stamp), UTC).isoformat()
            pid = holder(lock_path(project, match[3]))
            runs[match[3]] = RunSummary(
                tag=match[3], branch=match[1], commit=commit, at=at, pid=pid
            )
    return tuple(sorted(runs.values(), key=lambda run: run.at, reverse=True))


def newest(project: Project) -> str:
    """The branch of the run that was worked on last; HistoryFault if there is none."""
    git = Plumbing(Path(project.root))
    branches = (run.branch for run in list_runs(project) if first_commit(git, run.commit))
    branch = next(branches, None)
    if branch is None:
        raise HistoryFault("there is no run here yet", "autoresearch start")
    return branch


def first_commit(git: Plumbing, tip: str) -> str | None:
    """The first commit of the run whose branch stands at `tip`; None for a branch that is no run's."""
    return (
        git("log", "-1", "--first-parent", "--format=%H", f"--grep=^{RUN}: ", tip, "--").strip()
        or None
    )


def next_tag(project: Project) -> str:
    """A free tag for today: nov24, nov24-2, …"""
    today = datetime.now().astimezone().strftime("%b%d").lower()
    flights = Plumbing(Path(project.root))(
        "for-each-ref", "--format=%(refname)", FLIGHTS
    ).splitlines()
    taken = {run.tag for run in list_runs(project)} | {
        name.removeprefix(FLIGHTS).split("/")[0] for name in flights
    }
    return next(
        tag for tag in (today, *(f"{today}-{n}" for n in range(2, 10**6))) if tag not in taken
    )


def brief_at(project: Project, commit: str) -> str:
    """program.md at `commit`, or nothing where there is none."""
    return text_at(project, commit, project.program) if project.program else ""


def text_at(project: Project, commit: str, path: str) -> str:
    """A file of the project at `commit`."""
    return Plumbing(Path(project.root))("cat-file", "blob", f"{commit}:{path}")


def head_of(project: Project) -> str:
    """The commit that a run starts from; HistoryFault where what would run is not what is in the checkout."""
    git = Plumbing(Path(project.root))
    head = tip_of(git, "HEAD")
    if not head:
        raise HistoryFault("the repository has no commit yet", "git add . && git commit -m 'Start'")
    dirty = list(_unlike_head(git, project))
    if dirty:
        message = (
            "what would run is not what you see: these files differ from the commit HEAD:\n"
            + "\n".join(map(_one_line, dirty))
        )
        names = " ".join(shlex.quote(entry[3:]) for entry in dirty)
        raise HistoryFault(
            message, f"git -C {shlex.quote(project.root)} add -f {names} && git commit"
        )
    return head


def _one_line(entry: str) -> str:
    """Return a name as one line of a message: a line break in it would begin a line that reads as ours."""
    return entry.replace("\r", "\\r").replace("\n", "\\n")


def _unlike_head(git: Plumbing, project: Project) -> Iterator[str]:
    """The project's own files where they are changed, new or ignored, and other changed code in what a trial gets a copy of."""
    own = [path for path in (project.train, project.prepare, project.program) if path]
    # A submodule has a config of its own, which none of our settings would reach.
    options = ("--porcelain", "-z", "--no-renames", "--ignore-submodules=all")
    yield from git("status", *options, "--untracked-files=all", "--ignored", "--", *own).split(
        "\0"
    )[:-1]
    for entry in git(
        "status", *options, "--untracked-files=no", "--", project.workspace or "."
    ).split("\0")[:-1]:
        if entry.endswith(".py") and entry[3:] not in own:
            yield entry


def tip_of(git: Plumbing, reference: str) -> str | None:
    """The commit that a reference leads to, if there is one."""
    return git.try_("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")


def transcripts_of(project: Project, tag: str) -> Path:
    """The folder in which this machine keeps what models were asked in a run."""
    return run_folder(Path(project.root), tag, "transcripts")


def lock_path(project: Project, tag: str) -> Path:
    """The file that the process which works on the run holds locked."""
    return run_folder(Path(project.root), tag) / "lock"


def trials_folder(project: Project, tag: str, *names: str) -> Path:
    """The folder in which this machine keeps the logs of a run's trials."""
    return run_folder(Path(project.root), tag, "trials", *names)


def sinks_folder(project: Project, tag: str) -> Path:
    """The folder of the trackers that were told no other place. HistoryFault for a link in it, which they would follow."""
    folder = run_folder(Path(project.root), tag, "trackers")
    link = next((path for path in folder.rglob("*") if path.is_symlink()), None)
    if link:
        raise HistoryFault(
            f"{link} is a symbolic link, which a tracker would write through",
            f"rm {shlex.quote(str(link))}",
        )
    return folder


def sweep_trials(project: Project, tag: str) -> None:
    """Remove what a killed process left in the folders of a run's trials besides logs. Only for who holds the run's lock."""
    sweep(INDEX, run_folder(Path(project.root), tag))
    for folder in trials_folder(project, tag).glob("*/*"):
        if folder.is_dir() and not folder.parent.is_symlink():
            remove_tree(folder)


def sweep_git_locks(git: Plumbing, project: Project, tag: str) -> None:
    """Remove git's locks on a run's references and worktree that a killed git left. Only for who holds the run's lock.

    A git that is at work holds them for a moment: what is still there after GIT_LOCK_SECONDS has no owner.
    """
    deadline = time.monotonic() + GIT_LOCK_SECONDS
    locks = _git_locks(git, project, tag)
    while locks and time.monotonic() < deadline:
        time.sleep(0.05)
        locks = [lock for lock in locks if os.path.lexists(lock)]
    for lock in locks:
        remove_file(lock)


def _git_locks(git: Plumbing, project: Project, tag: str) -> list[Path]:
    """Return the lock files that lie there now."""
    question = ("rev-parse", "--path-format=absolute", "--git-path")
    flights = Path(git(*question, f"{FLIGHTS}{tag}").rstrip("\n"))
    found = [Path(git(*question, f"{HEADS}{tag}.lock").rstrip("\n")), *flights.glob("*.lock")]
    worktree = worktree_path(Path(project.root), tag)
    if (worktree / ".git").is_file():
        at_worktree = Plumbing(worktree)
        places = (at_worktree.try_(*question, name) for name in ("index.lock", "HEAD.lock"))
        found += [Path(place) for place in places if place]
    return [lock for lock in found if os.path.lexists(lock)]


def unlike_remotes(git: Plumbing, tag: str, tip: str) -> list[str]:
    """Return a sentence for each remote whose copy of the run has commits that are not here: nothing is merged or set back."""
    notes = []
    for line in git(
        "for-each-ref", "--format=%(objectname) %(refname)", "refs/remotes"
    ).splitlines():
        commit, reference = line.split(" ", 1)
        if not reference.endswith(f"/autoresearch/{tag}") or commit == tip:
            continue
        own, other = git("rev-list", "--left-right", "--count", f"{tip}...{commit}").split()
        name = reference.removeprefix("refs/remotes/")
        if other != "0" and own != "0":
            notes.append(
                f"{name} has gone another way: {other} commits that are not here, and {own} here that are not there"
            )
        elif other != "0":
            notes.append(f"{name} is ahead by {other} commits; this goes on without them")
    return notes
