"""Reads commits with `git log`, many with one command."""

from collections.abc import Iterable
from typing import NamedTuple

from agent.git.plumbing import Plumbing

FORM = "--format=%H %T %P%n%B"


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
