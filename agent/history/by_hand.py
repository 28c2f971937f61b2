"""Finds commits that somebody made by hand on a run's branch while the run works."""

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.commits import Commit, read_log
from agent.history.entries import Copied, read_entry


def new_commits(git: Plumbing, branch: str, before: str, now: str | None) -> list[Commit]:
    """Return the commits by hand from the tip `before` to the tip `now`, oldest first.

    Raise HistoryFault if the branch is gone, does not contain `before` any more, or has records of
    another process: nothing is merged or set back.
    """
    reference = f"refs/heads/{branch}"
    back = f"git update-ref {reference} {before}"
    if now is None:
        raise HistoryFault(f"{branch} was deleted", f"{back}   # brings it back, to resume")
    commits = read_log(git, "--first-parent", "--reverse", now, f"^{before}", "--")
    if not commits or commits[0].parents[:1] != [before]:
        message = (
            f"{branch} was set back or replaced by someone else: it is no longer at {before[:12]}"
        )
        raise HistoryFault(message, f"{back}   # brings it back, to resume")
    for commit in commits:
        if not isinstance(read_entry(commit), Copied | None):
            message = f"{branch} was moved by another process: {commit.id[:12]} is a record of its"
            raise HistoryFault(message, f"git log {before[:12]}..{branch}")
    return commits
