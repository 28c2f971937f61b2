"""The runs that a server shows, read by one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock

from agent.dashboard.view import View
from agent.dashboard.watch import Watch
from agent.errors import HistoryFault, UsageFault
from agent.history.branch import tag_of
from agent.history.history import History
from agent.history.visible import VisibleFiles
from agent.project.around import Around
from agent.records.results import Attempt, Trial


@dataclass(frozen=True)
class Served:
    """A snapshot of one run."""

    history: History
    view: View

    @property
    def tag(self) -> str:
        """The run's tag."""
        return self.history.tag

    @property
    def files(self) -> VisibleFiles:
        """Access to the files that may be read."""
        return VisibleFiles(self.history.project, self.history.run.goal)

    def entry(self, number: int) -> Trial | Attempt:
        """Return the trial of this number, judged or in flight. Raise UsageFault without one."""
        entries: tuple[Trial | Attempt, ...] = (*self.view.trials, *self.history.in_flight)
        for entry in entries:
            if entry.number == number:
                return entry
        raise UsageFault(f"There is no trial #{number} in {self.tag}.", "the tool `ledger`")

    def state(self, number: int | None) -> str:
        """Return the commit that a trial ran as, or the run's tip."""
        if number is None:
            return self.history.tip
        entry = self.entry(number)
        return entry.commit if isinstance(entry, Attempt) else entry.attempt


class Repository:
    """The runs of a repository, or the one that a server was started for."""

    def __init__(self, around: Around, only: str | None = None) -> None:
        """only: the tag of the one run that is served; None for all.

        Raise HistoryFault if there is no such run.
        """
        self.around = around
        self.watch = Watch(around.project)
        self.only = None if only is None else tag_of(only)
        self._lock = RLock()
        if self.only is not None:
            self.watch.view(self.only)

    def tags(self) -> list[str]:
        """Return the tags of the runs that are served, the newest first."""
        with self._lock:
            return self.watch.tags() if self.only is None else [self.only]

    @contextmanager
    def reading(self, run: str | None) -> Iterator[Served]:
        """Yield a run; no other thread reads it until the block ends.

        run: TAG; None for the only one, else the one that a process works on, else the newest.
        Raise UsageFault for a run that is not served.
        """
        with self._lock:
            tag = self.tag(run)
            view = self.watch.view(tag)
            yield Served(self.watch.history(tag), view)

    def tag(self, run: str | None) -> str:
        """Return the tag of a run that is served; see `reading`."""
        if run is None:
            return self._usual()
        tag = tag_of(run)
        if self.only not in (None, tag):
            raise UsageFault(f"This server serves the run {self.only} only.")
        return tag

    def _usual(self) -> str:
        if self.only is not None:
            return self.only
        tags = self.tags()
        if not tags:
            raise HistoryFault("There is no run here yet.", "autoresearch start")
        return next((tag for tag in tags if self.watch.is_active(tag)), tags[0])
