"""A short night on a miniature, and what a user does to its branch, for the tests of a history."""

from pathlib import Path

from agent.history.history import History
from agent.records.results import Result, Score, Trial
from tests.agent.study import (
    ListProposer,
    loop_of,
    project_of,
    proposal,
    study,
)
from tests.e2e.researcher import git

NIGHT = [
    proposal(LR=0.3),
    proposal(LR=0.9),
    proposal(DEPTH=13),
    proposal(NOPE=1),
    proposal(DEPTH=6),
]
VERDICTS = ["baseline", "keep", "discard", "crash", "refused", "keep"]


def night(folder: Path) -> tuple[Trial, ...]:
    """A run of six trials in a new repository."""
    with study(folder) as history:
        list(loop_of(history, ListProposer(NIGHT), trials=4).events())
        return history.trials


def reopened(folder: Path) -> History:
    return History.read(project_of(folder), "t")


def scored(value: float) -> Result:
    return Result(status="scored", scores=(Score(value=value, seed=0, kind="self-reported"),))


def commit(folder: Path, message: str = "by hand", **files: str) -> None:
    """Commit on the run's branch, in its worktree, as a user does."""
    worktree = folder / ".autoresearch" / "worktrees" / "t"
    for name, text in files.items():
        (worktree / name.replace("_", ".")).write_text(text)
    git(worktree, "add", ".")
    git(worktree, "commit", "-q", "--allow-empty", "-m", message)
