"""Reads another loop's branch: where its experiments begin, and each commit since by which train.py changed."""

import re
from dataclasses import dataclass

from agent.adopt.results import Row
from agent.errors import UsageFault
from agent.git.plumbing import Plumbing
from agent.history.runs import tip_of
from agent.project.find import Project
from agent.records.bounded import is_stamp

# Branches that experiments are usually begun from, tried in turn where nobody says from which commit.
TRUNKS = ("HEAD", "origin/HEAD", "main", "master", "origin/main", "origin/master")
_FORM = "--format=%H %cI%n%B"
_HASH = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class Span:
    """The commits to take over: those behind `start`, up to `tip`. name: what the branch was called."""

    start: str
    tip: str
    name: str


@dataclass(frozen=True)
class Found:
    """One commit that changed train.py. message: whole. source: every byte of train.py, as git has it; None where it is gone."""

    commit: str
    at: str
    message: str
    source: str | None


def find_span(git: Plumbing, branch: str | None, since: str | None, rows: tuple[Row, ...]) -> Span:
    """What to take over; without `branch`, up to the newest commit that a row calls kept. UsageFault where nobody can know."""
    tip = _commit(git, branch) if branch else _newest_kept(git, rows)
    start = _commit(git, since) if since else _start(git, tip, rows)
    if start is None or start == tip or git.try_("merge-base", "--is-ancestor", start, tip) is None:
        where = (
            f"{since} does not lie behind {branch or tip[:12]}"
            if since
            else "where its experiments begin is not to be seen"
        )
        raise UsageFault(
            where,
            f"autoresearch adopt {branch or tip[:12]} --since COMMIT   # the one before the first experiment",
        )
    return Span(start, tip, branch or tip[:12])


def read_changes(git: Plumbing, project: Project, span: Span) -> tuple[Found, ...]:
    """The commits of the span by which train.py changed, oldest first; what a merge brought to the branch is one change."""
    log = git("log", "-z", "--first-parent", "--reverse", _FORM, f"{span.start}..{span.tip}", "--")
    found: list[Found] = []
    before = file_in(git, span.start, project.train)
    if before is None:
        raise UsageFault(
            f"{span.start[:12]} has no {project.train}", f"git show --stat {span.start[:12]}"
        )
    for entry in filter(str.strip, log.split("\0")):
        head, _, message = entry.partition("\n")
        commit, _, at = head.partition(" ")
        source = file_in(git, commit, project.train)
        if source != before:
            found.append(Found(commit, _stamp(at), message, source))
        before = source
    return tuple(found)


def read_commit(git: Plumbing, project: Project, commit: str) -> tuple[Found, str | None]:
    """One commit, wherever it is, and the train.py that it changed; None where it is the first of all."""
    head, _, message = git("log", "-1", _FORM, commit, "--").partition("\n")
    found = Found(
        commit, _stamp(head.partition(" ")[2]), message, file_in(git, commit, project.train)
    )
    return found, file_in(git, f"{commit}^", project.train)


def changed_beside(git: Plumbing, project: Project, span: Span) -> tuple[str, ...]:
    """Other code that a trial gets a copy of and that the span changed: it is not taken over."""
    listing = git(
        "diff-tree", "-r", "-z", "--name-only", span.start, span.tip, "--", project.workspace or "."
    )
    return tuple(
        name for name in listing.split("\0") if name.endswith(".py") and name != project.train
    )


def resolved(git: Plumbing, name: str) -> str | None:
    """The commit that a row names by its hash, if it is here. Nothing but a hash: a results.tsv may hold anything."""
    return tip_of(git, name) if _HASH.fullmatch(name) else None


def file_in(git: Plumbing, commit: str, path: str) -> str | None:
    """A file at `commit`, undecodable bytes as lone surrogates; None where it has none."""
    found = git.try_("rev-parse", "--verify", "--quiet", f"{commit}:{path}")
    return git("cat-file", "blob", found) if found else None


def _stamp(at: str) -> str:
    """Return git's committer date; nothing for one that is no time, as a foreign tool or a forger writes it."""
    return at if is_stamp(at) else ""


def _commit(git: Plumbing, name: str) -> str:
    """The commit that the user named; a branch that only origin has by its short name, as in a fresh clone."""
    commit = None if name.startswith("-") else tip_of(git, name) or tip_of(git, f"origin/{name}")
    if commit is None:
        raise UsageFault(
            f"there is no branch or commit {name!r} here",
            "git branch --all   # git fetch brings more",
        )
    return commit


def _newest_kept(git: Plumbing, rows: tuple[Row, ...]) -> str:
    kept = (resolved(git, row.commit) for row in reversed(rows) if row.verdict == "keep")
    tip = next((commit for commit in kept if commit), None)
    if tip is None:
        raise UsageFault(
            "none of the commits that results.tsv calls kept is in this repository",
            "git fetch   # the branch that it was written on, then: autoresearch adopt BRANCH --results results.tsv",
        )
    return tip


def _start(git: Plumbing, tip: str, rows: tuple[Row, ...]) -> str | None:
    """The commit of a first row that tells of the baseline; else where the branch left a trunk."""
    first = resolved(git, rows[0].commit) if rows and rows[0].of_the_start else None
    if first and first != tip and git.try_("merge-base", "--is-ancestor", first, tip) is not None:
        return first
    trunks = (commit for name in TRUNKS if (commit := tip_of(git, name)))
    bases = (git.try_("merge-base", trunk, tip) for trunk in trunks)
    return next((base for base in bases if base and base != tip), None)
