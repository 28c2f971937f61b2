"""Reads from the files of a project how long its training takes."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent.git.listing import CommittedFile, files_below
from agent.git.plumbing import Plumbing
from agent.project.find import Project
from agent.project.settings import FILE, Settings
from sandbox.ground.budget import USUAL_LIMIT, VARIABLES, Budget, Limit
from sandbox.ground.deadline import Usual, allowed_seconds, is_limited

PROSE = (".md", ".rst")
"""Endings of what may name the variables and reads none."""
MOST_BYTES = 1 << 24
"""A larger file is data."""
MOST_TOTAL = 1 << 28
"""Bytes that are searched, the files that the project names first, then from small to large."""
PORTION = 1 << 26
"""Bytes that are asked of git at once."""


def reads_budget(project: Project, settings: Settings, commit: str = "HEAD") -> bool:
    """Return whether a file that a trial gets, or its command, names AUTORESEARCH_BUDGET.

    It says nothing of how the budget is kept; where nothing names it, no training can keep to it.
    """
    if any(name in (settings.command or "") for name in VARIABLES):
        return True
    git = Plumbing(Path(project.root))
    if git.try_("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is None:
        return False
    files = _searched(git, project, commit)
    needles = [name.encode() for name in VARIABLES]
    for names in _portions(files):
        found = git.bytes("cat-file", "--batch", stdin="".join(names).encode())
        if any(needle in found for needle in needles):
            return True
    return False


def _searched(git: Plumbing, project: Project, commit: str) -> list[CommittedFile]:
    """Return the files of a commit in which a variable may be read, each content once."""
    files: dict[str, CommittedFile] = {}
    for file in files_below(git, commit, project.workspace):
        if file.is_plain and file.size <= MOST_BYTES and not _is_prose(PurePosixPath(file.path)):
            files.setdefault(file.blob, file)
    named = set(project.named)
    return sorted(files.values(), key=lambda file: (file.path not in named, file.size))


def _portions(files: list[CommittedFile]) -> Iterator[list[str]]:
    """Yield the names of their contents, a line each, some at a time."""
    names: list[str] = []
    room = PORTION
    total = 0
    for file in files:
        total += file.size
        if total > MOST_TOTAL:
            break
        if names and file.size > room:
            yield names
            names = []
            room = PORTION
        names.append(f"{file.blob}\n")
        room -= file.size
    if names:
        yield names


def _is_prose(path: PurePosixPath) -> bool:
    return path.suffix in PROSE or path.name == FILE


NOTHING_READS = f"nothing reads {VARIABLES[0]}"


def time_words(seconds: float, budget: Budget | None, limit: Limit | None, why: str = "") -> str:
    """Return what a first training of `seconds` shows: whether its budget or its limit holds.

    why: what else speaks for the limit.
    """
    usual = Usual(seconds=seconds)
    if not is_limited(budget, limit, usual):
        kept = f"keeps to the budget of {budget}"
        return f"a training takes {seconds:.1f} s with its start-up, and {kept}"
    limit = limit or USUAL_LIMIT
    of = "" if budget is None else f", of a budget of {budget}"
    reason = f"; {why}" if why else ""
    allowed = allowed_seconds(limit, seconds)
    return (
        f"trainings end by themselves after {seconds:.1f} s{of}{reason}: limit {limit}, at most "
        f"{allowed:.1f} s"
    )
