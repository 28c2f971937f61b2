"""Reads another loop's branch: where its experiments begin, and each change since."""

import re
from dataclasses import dataclass
from shlex import quote

from agent.adopt.results import Row
from agent.edit.files import Sources
from agent.errors import HistoryFault, UsageFault, near_names
from agent.git.plumbing import Plumbing
from agent.history.branch import has_file, run_tags
from agent.history.runs import tip_of
from agent.history.sources import SourceReader
from agent.project.find import Project
from agent.records.bounded import is_stamp

# Branches that experiments usually start from, tried in turn unless a commit is given.
TRUNKS = ("HEAD", "origin/HEAD", "main", "master", "origin/main", "origin/master")
_FORM = "--format=%H %cI%n%B"
_HASH = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class Span:
    """The commits to adopt: those after `start`, up to `tip`."""

    start: str
    tip: str
    name: str
    """Of the branch."""


@dataclass(frozen=True)
class Commit:
    """One commit that changed a file that edits may touch."""

    name: str
    """Its hash."""
    at: str
    message: str
    sources: Sources | None
    """Every byte of the files that edits may touch; None if train.py was deleted."""


def find_span(git: Plumbing, branch: str | None, since: str | None, rows: tuple[Row, ...]) -> Span:
    """Return the commits to adopt; without `branch`, up to the newest one that a row calls kept.

    Raise UsageFault if the start or the end cannot be determined.
    """
    tip = _commit(git, branch) if branch else _newest_kept(git, rows)
    name = branch or tip[:12]
    start = _commit(git, since) if since else _start(git, tip, rows)
    if start is None or start == tip or git.try_("merge-base", "--is-ancestor", start, tip) is None:
        problem = "the commit before its first experiment is unknown"
        if since:
            problem = f"{since} is not an ancestor of {name}"
        command = f"autoresearch adopt {quote(name)} --since COMMIT"
        raise UsageFault(problem, f"{command}   # the one before the first experiment")
    return Span(start, tip, name)


def read_changes(git: Plumbing, project: Project, span: Span) -> tuple[Commit, ...]:
    """Return the commits of the span that changed editable files, oldest first.

    A merge is one change.
    """
    log = git("log", "-z", "--first-parent", "--reverse", _FORM, f"{span.start}..{span.tip}", "--")
    changes: list[Commit] = []
    reader = SourceReader(git)
    before = _sources_in(reader, git, span.start, project)
    if before is None:
        raise UsageFault(
            f"{span.start[:12]} has no {project.train}", f"git show --stat {span.start[:12]}"
        )
    for entry in filter(str.strip, log.split("\0")):
        head, _, message = entry.partition("\n")
        commit, _, at = head.partition(" ")
        sources = _sources_in(reader, git, commit, project)
        if sources != before:
            changes.append(Commit(commit, _stamp(at), message, sources))
        before = sources
    return tuple(changes)


def read_commit(git: Plumbing, project: Project, name: str) -> tuple[Commit, Sources | None]:
    """Return one commit, on any branch, and the files before it; None if there were none."""
    head, _, message = git("log", "-1", _FORM, name, "--").partition("\n")
    at = _stamp(head.partition(" ")[2])
    reader = SourceReader(git)
    commit = Commit(name, at, message, _sources_in(reader, git, name, project))
    return commit, _sources_in(reader, git, f"{name}^", project)


def _sources_in(
    reader: SourceReader, git: Plumbing, commit: str, project: Project
) -> Sources | None:
    """Return the files that edits may touch at `commit`; None if there is no train.py."""
    return reader.read(commit, project) if has_file(git, commit, project.train) else None


def changed_beside(git: Plumbing, project: Project, span: Span) -> tuple[str, ...]:
    """Return the other code files that the span changed, which are not adopted."""
    workspace = project.workspace or "."
    command = ("diff-tree", "-r", "-z", "--name-only", span.start, span.tip, "--", workspace)
    names = git(*command).split("\0")
    return tuple(name for name in names if name.endswith(".py") and not project.edits(name))


def resolved(git: Plumbing, name: str) -> str | None:
    """Return the commit that a row names by its hash, or None if it is not here.

    Only hashes are looked up: a results.tsv may hold anything.
    """
    return tip_of(git, name) if _HASH.fullmatch(name) else None


def _stamp(at: str) -> str:
    """Return git's committer date; "" if it is not a valid time."""
    return at if is_stamp(at) else ""


def _commit(git: Plumbing, name: str) -> str:
    """Return the commit that the user named; a branch of origin may be named without `origin/`."""
    commit = None if name.startswith("-") else tip_of(git, name) or tip_of(git, f"origin/{name}")
    if commit is None:
        near = near_names(name, run_tags(git))
        meant = f". Did you mean the run {near[0]!r}?" if near else "."
        raise HistoryFault(
            f"There is no run, branch or commit {name!r} here{meant}",
            "git branch --all   # and git fetch, for more",
        )
    return commit


def _newest_kept(git: Plumbing, rows: tuple[Row, ...]) -> str:
    kept = (resolved(git, row.commit) for row in reversed(rows) if row.verdict == "keep")
    tip = next((commit for commit in kept if commit), None)
    if tip is None:
        raise UsageFault(
            "none of the commits that results.tsv calls kept is in this repository",
            "git fetch   # its branch, then: autoresearch adopt BRANCH --results results.tsv",
        )
    return tip


def _start(git: Plumbing, tip: str, rows: tuple[Row, ...]) -> str | None:
    """Return the commit of a first row that is a baseline, else where the branch left a trunk."""
    first = resolved(git, rows[0].commit) if rows and rows[0].of_the_start else None
    if first and first != tip and git.try_("merge-base", "--is-ancestor", first, tip) is not None:
        return first
    for name in TRUNKS:
        trunk = tip_of(git, name)
        base = git.try_("merge-base", trunk, tip) if trunk else None
        if base and base != tip:
            return base
    return None
