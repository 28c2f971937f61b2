"""Reads from the files of a project how long its training takes."""

from pathlib import Path, PurePosixPath

from agent.git.plumbing import Plumbing
from agent.project.find import Project
from agent.project.settings import FILE, Settings
from sandbox.ground.budget import USUAL_LIMIT, VARIABLES, Budget, Limit
from sandbox.ground.deadline import Usual, allowed_seconds, is_limited

PROSE = (".md", ".rst")
"""Endings of what may name the variables and reads none."""


def reads_budget(project: Project, settings: Settings, commit: str = "HEAD") -> bool:
    """Return whether a file that a trial gets, or its command, names AUTORESEARCH_BUDGET.

    It says nothing of how the budget is kept; where nothing names it, no training can keep to it.
    """
    if any(name in (settings.command or "") for name in VARIABLES):
        return True
    patterns = [f"-e{name}" for name in VARIABLES]
    git = Plumbing(Path(project.root))
    where = project.workspace or "."
    files = git.try_("grep", "-z", "-l", "-F", *patterns, commit, "--", where) or ""
    names = [name.partition(":")[2] for name in files.split("\0") if name]
    return any(not _is_prose(PurePosixPath(name)) for name in names)


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
