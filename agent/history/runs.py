"""The runs of a repository, and what a new one needs: a free tag, and a commit to start from."""

import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import HistoryFault
from agent.git.home import is_tag, remove_file, run_folder, worktree_path
from agent.git.lock import holder
from agent.git.plumbing import INDEX, Plumbing, content_of
from agent.git.references import names_of, references
from agent.git.shallow import fault_of_depth
from agent.history.commits import times_of
from agent.history.firsts import first_commits, readable_first
from agent.history.veiled import refuse_veiled
from agent.project.find import Project
from agent.records.patterns import matches
from sandbox.ground.leftovers import remove_tree, sweep
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

HEADS = "refs/heads/autoresearch/"
FLIGHTS = "refs/autoresearch/"
UNSTARTED = "before"
"""The kind of folder for trainings without a run, such as the first ones of `init`."""
GIT_LOCK_SECONDS = 1.0
_REMOTES = "refs/remotes"
_LOCAL_BRANCH = re.compile(r"refs/heads/(autoresearch/([^/]+))")
_REMOTE_BRANCH = re.compile(r"refs/remotes/(.+/autoresearch/([^/]+))")


class RunSummary(Record):
    """One run of the repository."""

    tag: str
    branch: str
    """A remote-tracking one if there is no local one."""
    commit: str
    """Its newest commit."""
    at: str
    """When that was made, ISO 8601 UTC."""
    pid: int | None
    """The process that works on it now."""


def list_runs(project: Project) -> tuple[RunSummary, ...]:
    """Return the runs of the repository, newest first.

    Only names of branches are looked at. Agents of karpathy/autoresearch leave branches of the same
    form, which `newest` tells apart.
    """
    git = Plumbing(Path(project.root))
    branches = references(git, HEADS, _REMOTES)
    times = times_of(git, {reference.head for reference in branches})
    runs: dict[str, RunSummary] = {}
    for name, commit in sorted(branches, key=lambda branch: -times.get(branch.head, 0)):
        local = _LOCAL_BRANCH.fullmatch(name)
        match = local or _REMOTE_BRANCH.fullmatch(name)
        if match is None or not is_tag(match[2]):
            continue
        if local is None and match[2] in runs:
            continue
        runs[match[2]] = RunSummary(
            tag=match[2],
            branch=match[1],
            commit=commit,
            at=datetime.fromtimestamp(times.get(commit, 0), UTC).isoformat(),
            pid=holder(lock_path(project, match[2])),
        )
    return tuple(sorted(runs.values(), key=lambda run: run.at, reverse=True))


def newest(project: Project) -> str:
    """Return the branch of the newest run. Raise HistoryFault if there is none."""
    git = Plumbing(Path(project.root))
    runs = list_runs(project)
    branch = next(_of_runs(git, runs), None)
    if branch is None:
        cut = fault_of_depth(git, runs[0].branch) if runs else None
        raise cut or HistoryFault("There is no run here yet.", "autoresearch start")
    return branch


def _of_runs(git: Plumbing, runs: Sequence[RunSummary]) -> Iterator[str]:
    """Yield the branches that are runs'. The first one nearly always is, and is read alone."""
    for some in (runs[:1], runs[1:]):
        firsts = first_commits(git, (run.commit for run in some))
        yield from (run.branch for run in some if firsts.get(run.commit))


def checked_out_run(project: Project, where: Path) -> str | None:
    """Return the branch that is checked out at `where` if it is a run's, else None."""
    git = Plumbing(Path(project.root))
    reference = (Plumbing(where).try_("symbolic-ref", "--quiet", "HEAD") or "").strip()
    tip = tip_of(git, reference) if reference.startswith(HEADS) else None
    if tip is None or not is_tag(reference.removeprefix(HEADS)):
        return None
    return reference.removeprefix("refs/heads/") if readable_first(git, tip) else None


def usual_run(project: Project, where: Path) -> str:
    """Return the branch of the default run: the one checked out at `where`, else the newest.

    Raise HistoryFault if there is none, and for one that a shallow clone has only the end of.
    """
    git = Plumbing(where)
    branch = (git.try_("symbolic-ref", "--quiet", "--short", "HEAD") or "").strip()
    checked_out = checked_out_run(project, where)
    if checked_out is not None:
        return checked_out
    prefix, _, tag = branch.partition("/")
    cut = fault_of_depth(git, branch) if prefix == "autoresearch" and is_tag(tag) else None
    if cut is not None:
        raise cut
    return newest(project)


def next_tag(project: Project) -> str:
    """Return a free tag for today: nov24, nov24-2, …"""
    today = datetime.now().astimezone().strftime("%b%d").lower()
    git = Plumbing(Path(project.root))
    flights = names_of(git, FLIGHTS)
    taken = {run.tag for run in list_runs(project)}
    taken |= {name.removeprefix(FLIGHTS).split("/")[0] for name in flights}
    tags = (today, *(f"{today}-{number}" for number in range(2, len(taken) + 3)))
    return next(tag for tag in tags if tag not in taken)


def brief_at(project: Project, commit: str) -> str:
    """Return program.md at `commit`; "" for a project without one."""
    return text_at(project, commit, project.program) if project.program else ""


def public_at(project: Project, commit: str) -> str:
    """Return the text about the evaluator that a proposer may read; "" for none."""
    evaluate = project.evaluate
    if evaluate is None or evaluate.public is None:
        return ""
    return text_at(project, commit, project.inside(evaluate.public))


def text_at(project: Project, commit: str, path: str) -> str:
    """Return the text of a file at `commit`. path: in the repository."""
    data = content_of(Plumbing(Path(project.root)), f"{commit}:{path}")
    return data.decode("utf-8", "surrogateescape")


def head_of(project: Project) -> str:
    """Return the commit that a run would start from, HEAD.

    Raise HistoryFault if files that a run uses differ from it in the checkout.
    """
    git = Plumbing(Path(project.root))
    head = tip_of(git, "HEAD")
    if not head:
        raise HistoryFault("the repository has no commit yet", "git add . && git commit -m 'Start'")
    changed = list(_unlike_head(git, project))
    if not changed:
        refuse_veiled(git, project, head)
        return head
    listing = "\n".join(map(one_line, changed))
    message = f"what would run is not what you see: these files differ from HEAD:\n{listing}"
    names = " ".join(shlex.quote(entry[3:]) for entry in changed)
    command = f"git -C {shlex.quote(project.root)} add -f {names} && git commit"
    raise HistoryFault(message, command)


def _unlike_head(git: Plumbing, project: Project) -> Iterator[str]:
    """Yield the files of a run that differ from HEAD, as lines of `git status --porcelain`.

    These are the project's own files, also if they are new or ignored, and changed code.
    """
    own = project.named
    options = ("--porcelain", "-z", "--no-renames")
    everything = ("--untracked-files=all", "--ignored")
    yield from git("status", *options, *everything, "--", *own).split("\0")[:-1]
    workspace = project.workspace or "."
    tracked = git("status", *options, "--untracked-files=no", "--", workspace)
    for entry in tracked.split("\0")[:-1]:
        path = entry[3:]
        if path not in own and (path.endswith(".py") or matches(path, project.files)):
            yield entry
    if project.files:
        new = git("status", *options, "--untracked-files=all", "--", workspace)
        for entry in new.split("\0")[:-1]:
            if (
                entry.startswith("??")
                and entry[3:] not in own
                and matches(entry[3:], project.files)
            ):
                yield entry


def tip_of(git: Plumbing, reference: str) -> str | None:
    """Return the commit of a reference, or None."""
    return git.try_("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")


def commit_of(project: Project, branch: str) -> str:
    """Return the commit of a branch that was just made."""
    return Plumbing(Path(project.root))("rev-parse", f"refs/heads/{branch}").strip()


def transcripts_of(project: Project, tag: str) -> Path:
    """Return the folder of a run's requests to models on this machine."""
    return run_folder(Path(project.root), tag, "transcripts")


def lock_path(project: Project, tag: str) -> Path:
    """Return the lock file of a run, which the process that works on it holds."""
    return run_folder(Path(project.root), tag) / "lock"


def log_path(project: Project, tag: str) -> Path:
    """Return the log of a run's sessions on this machine."""
    return run_folder(Path(project.root), tag) / "run.log"


def trials_folder(project: Project, tag: str, *names: str) -> Path:
    """Return the folder of the logs of a run's trials on this machine."""
    return run_folder(Path(project.root), tag, "trials", *names)


def trackers_folder(project: Project, tag: str) -> Path:
    """Return the default folder of a run's trackers.

    Raise HistoryFault for a link in it, which a tracker would follow.
    """
    folder = run_folder(Path(project.root), tag, "trackers")
    link = next((path for path in folder.rglob("*") if path.is_symlink()), None)
    if link:
        message = f"{link} is a symbolic link, which a tracker would write through"
        raise HistoryFault(message, f"rm {shlex.quote(str(link))}")
    return folder


def sweep_trials(project: Project, tag: str) -> None:
    """Remove the folders that killed processes left among the logs of a run, and before any run.

    The caller must hold the run's lock.
    """
    folder = run_folder(Path(project.root), tag)
    sweep(INDEX, folder)
    sweep(UNSTARTED, folder.parent)
    for folder in trials_folder(project, tag).glob("*/*"):
        if folder.is_dir() and not folder.parent.is_symlink():
            remove_tree(folder)


def sweep_git_locks(git: Plumbing, project: Project, tag: str) -> None:
    """Remove git's lock files on a run's references and worktree that a killed git left.

    The caller must hold the run's lock. A live git holds such a file only for a moment, so those
    that are still there after GIT_LOCK_SECONDS have no owner.
    """
    deadline = time.monotonic() + GIT_LOCK_SECONDS
    locks = _git_locks(git, project, tag)
    while locks and time.monotonic() < deadline:
        time.sleep(0.05)
        locks = [lock for lock in locks if os.path.lexists(lock)]
    for lock in locks:
        remove_file(lock)


def _git_locks(git: Plumbing, project: Project, tag: str) -> list[Path]:
    """Return git's lock files on the run that exist now."""
    question = ("rev-parse", "--path-format=absolute", "--git-path")
    flights = Path(git(*question, f"{FLIGHTS}{tag}").rstrip("\n"))
    head = Path(git(*question, f"{HEADS}{tag}.lock").rstrip("\n"))
    locks = [head, *flights.glob("*.lock")]
    worktree = worktree_path(Path(project.root), tag)
    if (worktree / ".git").is_file():
        for name in ("index.lock", "HEAD.lock"):
            place = Plumbing(worktree).try_(*question, name)
            if place:
                locks.append(Path(place))
    return [lock for lock in locks if os.path.lexists(lock)]


def unlike_remotes(git: Plumbing, tag: str, tip: str) -> list[str]:
    """Return a warning for each remote whose copy of the run has commits that are not here.

    The branch is not changed.
    """
    warnings = []
    for reference, commit in references(git, _REMOTES):
        if not reference.endswith(f"/autoresearch/{tag}") or commit == tip:
            continue
        name = reference.removeprefix("refs/remotes/")
        counts = git.try_("rev-list", "--left-right", "--count", f"{tip}...{commit}")
        if counts is None:
            warnings.append(f"{one_line(name)} cannot be read; this goes on without it")
            continue
        sides = counts.split()
        own = int(sides[0])
        other = int(sides[1])
        if other and own:
            warnings.append(
                f"{name} has diverged: it has {other} commits that are not here, "
                f"and {own} here that are not there"
            )
        elif other:
            warnings.append(f"{name} is ahead by {other} commits; this goes on without them")
    return warnings
