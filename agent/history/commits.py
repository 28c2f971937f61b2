"""Reads commits with `git log`, many with one command."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from agent.errors import HistoryFault, Unanswered
from agent.git.plumbing import AUTHOR, Plumbing

FORM = "--format=%H %T %P%n%B"
MAX_MESSAGE = 1 << 25
"""Bytes of a commit's message; a record holds new code."""
LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""The last second that a commit's time may be."""


class Commit(NamedTuple):
    """One commit as it is read from a log."""

    id: str
    tree: str
    parents: list[str]
    message: str


def read_log(git: Plumbing, *options: str, stdin: bytes | None = None) -> list[Commit]:
    """Return the commits that `git log` lists. Raise HistoryFault for a giant message."""
    entries = []
    for entry in git.bytes("log", "-z", FORM, *options, stdin=stdin).split(b"\0"):
        if entry.strip():
            head, _, message = entry.partition(b"\n")
            commit, tree, *parents = head.decode().split()
            if len(message) > MAX_MESSAGE:
                size = f"{len(message) >> 20} MiB, and up to {MAX_MESSAGE >> 20} are read"
                raise HistoryFault(
                    f"the message of {commit[:12]} has {size}", f"git log -1 {commit[:12]}"
                )
            text = message.decode("utf-8", "surrogateescape")
            entries.append(Commit(commit, tree, parents, text))
    return entries


def read_commits(git: Plumbing, names: Iterable[str]) -> dict[str, Commit]:
    """Return these commits by name, read with one command."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    commits = read_log(git, "--no-walk=unsorted", "--stdin", stdin=wanted) if wanted else []
    return {commit.id: commit for commit in commits}


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
