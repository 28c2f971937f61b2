"""Detaches the user's checkout from a run's branch, which the run is about to move.

`git switch autoresearch/TAG` and `git clone -b autoresearch/TAG` leave it there. A run works in a
worktree of its own, and would leave the files of the checkout behind.
"""

from pathlib import Path

import typer

from agent.cli.consent import is_terminal
from agent.errors import HistoryFault
from agent.history.branch import tag_of
from agent.history.checkout import leave_branch
from agent.history.runs import checked_out_run
from agent.project.find import Project


def leave_checked_out(project: Project, branch: str, typed: bool = False) -> None:
    """Detach the checkout if it is on the branch of the run `branch`, and say so.

    typed: the user typed --leave-branch. A terminal is asked otherwise. Elsewhere nobody can
    answer, and nothing can be lost: no file changes, and a checkout with changes is refused. Raise
    HistoryFault for such a checkout, and where the user says no.
    """
    root = Path(project.root)
    name = checked_out_run(project, root)
    if name is None or name != f"autoresearch/{tag_of(branch)}":
        return
    if not typed and is_terminal() and not _agreed(name):
        raise HistoryFault(
            f"{name} stays checked out here, so the run cannot move it", "git switch -"
        )
    commit = leave_branch(root, name)
    typer.echo(
        f"note: this checkout left {name}, which the run moves now: it stays at {commit[:9]}, with "
        f"the same files. Later `git merge --ff-only {name}` brings what was kept.",
        err=True,
    )


def _agreed(name: str) -> bool:
    question = (
        f"The run moves {name}, which is checked out here. Detach this checkout? (No file changes.)"
    )
    try:
        return typer.confirm(question, default=True, err=True)
    except typer.Abort:
        return False
