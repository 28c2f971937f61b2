"""Where the history of a clone ends: git's file `shallow`, which a received .git may bring."""

import re
from itertools import chain
from pathlib import Path
from shlex import quote

from agent.errors import HistoryFault
from agent.git.home import no_link
from agent.git.plumbing import Plumbing
from agent.git.references import kinds_of
from sandbox.ground.text import one_line

MAX_COMMITS = 1_000
"""Commits at which a history may end that are looked at."""
MAX_BYTES = 65 * MAX_COMMITS
_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def fault_of_depth(git: Plumbing, what: str) -> HistoryFault | None:
    """Return the fault of a clone that ends before `what` begins; None where it has everything."""
    if git("rev-parse", "--is-shallow-repository").strip() != "true":
        return None
    message = f"this clone is too shallow to hold the beginning of {what}"
    return fault_of_cut(git, what) or HistoryFault(message, "git fetch --unshallow")


def fault_of_cut(git: Plumbing, what: str) -> HistoryFault | None:
    """Return the fault of a history that ends although what came before is here, or None.

    Someone wrote that file by hand, or fetched the whole repository again with a depth.
    """
    path = Path(git("rev-parse", "--path-format=absolute", "--git-path", "shallow")[:-1])
    if not path.exists():
        return None
    ends = _read(path)
    parents = _parents_of(git, ends)
    before = set(chain.from_iterable(parents.values()))
    here = kinds_of(git, before)
    cut = [commit for commit, several in parents.items() if several]
    if not cut or len(here) < len(before):
        return None
    message = (
        f"{what} cannot be read: {one_line(str(path))} says that history begins at {cut[0][:12]}, "
        "and what came before is here"
    )
    file = quote(str(path))
    return HistoryFault(message, f"mv {file} {file}.old   # git then reads all of it")


def _read(path: Path) -> list[str]:
    """Return the commits at which history ends; none for a file that cannot be read."""
    try:
        with open(path, "rb", opener=no_link) as file:
            lines = file.read(MAX_BYTES).decode("ascii", "replace").split("\n")
    except OSError:
        return []
    return [line for line in lines if _NAME.fullmatch(line)][:MAX_COMMITS]


def _parents_of(git: Plumbing, commits: list[str]) -> dict[str, list[str]]:
    """Return the parents that each commit itself names; what is missing is left out."""
    kinds = kinds_of(git, commits)
    names = [name for name, (kind, _) in kinds.items() if kind == "commit"]
    question = "".join(f"{name}\n" for name in names).encode()
    data = git.bytes("cat-file", "--batch", stdin=question) if names else b""
    parents = {}
    start = 0
    for name in names:
        begin = data.index(b"\n", start) + 1
        start = begin + kinds[name][1] + 1
        head = data[begin : start - 1].partition(b"\n\n")[0].decode("ascii", "replace")
        lines = [line.partition(" ") for line in head.split("\n")]
        parents[name] = [value for key, _, value in lines if key == "parent"]
    return parents
