"""Follows commits that somebody makes on a run's branch by hand while the run works."""

import time
from collections.abc import Iterator

from agent.history.brief import brief_difference
from agent.history.commits import Commit
from agent.run.ledger import Ledger
from sandbox.ground.text import one_line

LOOK_SECONDS = 2.0


class ByHand:
    """Takes in the commits by hand of one session."""

    def __init__(self, ledger: Ledger) -> None:
        self._history = ledger.history
        self._looked = -LOOK_SECONDS
        self._brief_lines: list[str] = []
        self.ends = ""
        """Why the session has to end; empty while it may go on. Only a resume prepares new data."""

    def take_in(self) -> Iterator[str]:
        """Take in new commits; yield a line about each, and one if program.md now differs.

        Raise HistoryFault if the branch was set back or replaced.
        """
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._history.take_in()
            yield from self._other_brief()
        for commit in self._history.taken_in():
            yield self._line(commit)

    def _other_brief(self) -> Iterator[str]:
        """Yield a line when the checkout's program.md begins to differ from the run's."""
        history = self._history
        lines = brief_difference(history, history.project)
        if lines != self._brief_lines:
            self._brief_lines = lines
            yield from lines

    def _line(self, commit: Commit) -> str:
        history = self._history
        before = commit.parents[0]
        subject = one_line(commit.message.partition("\n")[0])
        commit_name = f"{commit.id[:9]} by hand ({subject})"
        prepare = history.project.prepare
        if prepare and history.file_at(before, prepare) != history.file_at(commit.id, prepare):
            self.ends = f"{prepare} was changed by hand: `autoresearch resume` prepares its data"
        if history.same_files(before, commit.id):
            return f"{commit_name} holds from the next proposal on"
        return f"{commit_name} changed what runs: a new baseline follows the trials in training"
