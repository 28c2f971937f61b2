"""Reads commits with `git log`, many with one command."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from agent.errors import HistoryFault, Unanswered
from agent.git.plumbing import AUTHOR, Plumbing

FORM = "--format=%H %T %P%n%B"
LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""The last second that a commit's time may be."""


class Commit(NamedTuple):
    """One commit as it is read from a log."""

    id: str
    tree: str
    parents: list[str]
    message: str


def parse_log(log: str) -> list[Commit]:
    """Return the entries of `git log -z` in FORM."""
    entries = []
    for entry in log.split("\0"):
        if entry.strip():
            head, _, message = entry.partition("\n")
            commit, tree, *parents = head.split()
            entries.append(Commit(commit, tree, parents, message))
    return entries


def read_commits(git: Plumbing, names: Iterable[str]) -> dict[str, Commit]:
    """Return these commits by name, read with one command."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    log = git("log", "-z", "--no-walk=unsorted", FORM, "--stdin", stdin=wanted) if wanted else ""
    return {commit.id: commit for commit in parse_log(log)}


def times_of(git: Plumbing, names: Iterable[str]) -> dict[str, int]:
    """Return when each commit was made, in seconds since 1970.

    What is no commit is left out, one that is damaged, and one with a time that no clock shows.
    """
    wanted = list(names)
    if not wanted:
        return {}
    try:
        return _times_of(git, wanted)
    except Unanswered:
        raise
    except HistoryFault:
        half = len(wanted) // 2
        return {**times_of(git, wanted[:half]), **times_of(git, wanted[half:])} if half else {}


def _times_of(git: Plumbing, names: list[str]) -> dict[str, int]:
    """Return these times, read with one command. Raise HistoryFault if a commit is damaged."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    options = ("--no-walk=unsorted", "--ignore-missing", "--stdin", "--format=%H %ct")
    times = {}
    for line in git("log", *options, stdin=wanted).split("\n"):
        commit, _, stamp = line.partition(" ")
        if stamp.isdecimal() and len(stamp) <= len(str(LATEST)) and int(stamp) <= LATEST:
            times[commit] = int(stamp)
    return times


def ours(git: Plumbing, names: Iterable[str]) -> set[str]:
    """Return which commits name us as their author; one that was amended keeps it."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    options = ("--no-walk=unsorted", "--stdin", "--format=%H %an <%ae>")
    log = git("log", *options, stdin=wanted) if wanted else ""
    lines = (line.partition(" ") for line in log.split("\n"))
    return {commit for commit, _, author in lines if author == AUTHOR}
