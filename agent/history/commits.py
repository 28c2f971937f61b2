"""Commits as `git log` lists them, many read by one command."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from agent.git.plumbing import Plumbing

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
    """Return these commits by name, read at once."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    log = git("log", "-z", "--no-walk=unsorted", FORM, "--stdin", stdin=wanted) if wanted else ""
    return {commit.id: commit for commit in parse_log(log)}


def times_of(git: Plumbing, names: Iterable[str]) -> dict[str, int]:
    """Return when each commit was made, in seconds since 1970.

    What is no commit is left out, and one with a time that no clock shows.
    """
    wanted = "".join(f"{name}\n" for name in names).encode()
    if not wanted:
        return {}
    options = ("--no-walk=unsorted", "--ignore-missing", "--stdin", "--format=%H %ct")
    times = {}
    for line in git("log", *options, stdin=wanted).split("\n"):
        commit, _, stamp = line.partition(" ")
        if stamp.isdecimal() and len(stamp) <= len(str(LATEST)) and int(stamp) <= LATEST:
            times[commit] = int(stamp)
    return times
