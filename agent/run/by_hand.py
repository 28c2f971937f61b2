"""Follows what somebody commits to a run's branch, or writes in the checkout, while it works."""

import time
from collections.abc import Iterator

from agent.history.brief import brief_otherwise
from agent.history.commits import Commit
from agent.run.ledger import Ledger
from sandbox.ground.text import one_line

LOOK_SECONDS = 2.0


class ByHand:
    """The commits by hand of one session."""

    def __init__(self, ledger: Ledger) -> None:
        self._history = ledger.history
        self._looked = -LOOK_SECONDS
        self._otherwise: list[str] = []
        self.ends = ""
        """Why the session has to end: data that only a resume prepares."""

    def take_in(self) -> Iterator[str]:
        """Yield a line about each commit that holds from now on, and about another program.md.

        Raise HistoryFault if the branch was set back or replaced.
        """
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._history.take_in()
            yield from self._other_brief()
        for commit in self._history.taken_in():
            yield self._line(commit)

    def _other_brief(self) -> Iterator[str]:
        """Yield a line when the checkout has come to have another program.md than the run."""
        history = self._history
        lines = brief_otherwise(history, history.project)
        if lines != self._otherwise:
            self._otherwise = lines
            yield from lines

    def _line(self, commit: Commit) -> str:
        history = self._history
        before = commit.parents[0]
        subject = one_line(commit.message.partition("\n")[0])
        said = f"{commit.id[:9]} by hand ({subject})"
        prepare = history.project.prepare
        if prepare and history.file_at(before, prepare) != history.file_at(commit.id, prepare):
            self.ends = f"{prepare} was changed by hand: `autoresearch resume` prepares its data"
        if history.same_files(before, commit.id):
            return f"{said} holds from the next proposal on"
        return f"{said} changed what runs: a new baseline comes when what trains has ended"
