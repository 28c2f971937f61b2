"""Reads a run's branch: its ledger, its files and its attempts in flight."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from agent.errors import HistoryFault
from agent.git.home import worktree_path
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.git.shallow import fault_of_cut
from agent.git.store import Store
from agent.history.branch import tag_of
from agent.history.commits import times_of
from agent.history.files import Files
from agent.history.flights import Flights
from agent.history.prior import read_prior
from agent.history.runs import lock_path
from agent.history.timeline import of_uncounted, read_timeline
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.bounded import MAX_WHOLE
from agent.records.inputs import Admitted
from agent.records.losses import Loss
from agent.records.opening import Opening
from agent.records.results import Attempt, PriorTrial, Result, Trial
from agent.records.sources import Sources
from sandbox.score.evaluator.evaluation import Split


class Reading:
    """One run's branch, for reading."""

    project: Project
    """With the files that edits of this run may touch, as its record has them."""
    branch: str
    tag: str
    """The branch's name behind autoresearch/: refs, worktree, lock and logs go by it, whatever
    tag the record has."""
    warnings: list[str]
    """What is odd about the branch, and what could not be done for its worktree."""

    def __init__(self, project: Project, branch: str, locked: bool) -> None:
        """Read the branch.

        locked: the caller will write to it, so that unknown records are an error.
        """
        self.branch = branch
        self.tag = tag_of(branch)
        self._git = Plumbing(Path(project.root))
        self._store = Store(self._git)
        self._files = Files(self._store, project, branch, self.tag)
        try:
            self._read(locked)
        except HistoryFault as fault:
            raise fault_of_cut(self._git, branch) or fault from None
        unknown = [*self._timeline.unknown, *self._flights.unknown]
        if unknown and locked:
            raise unknown[0].fault()
        self.warnings = [*of_uncounted(self._timeline), *map(str, unknown)]

    def _read(self, locked: bool) -> None:
        self._timeline = read_timeline(self._git, self._files, self.branch, self.tag)
        self.project = self._files.project
        judged = self._timeline.judged
        self._flights = Flights(self._store, self.tag, judged, clean=locked)

    @property
    def run(self) -> RunSettings:
        """The settings that the run was started with; its tag is the branch's."""
        return self._timeline.run

    @property
    def tip(self) -> str:
        """The branch's newest commit."""
        return self._timeline.tip

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The ledger, oldest first."""
        return tuple(self._timeline.trials)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Later measurements of its trials, oldest first."""
        return tuple(self._timeline.measurements)

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Every time that the test split was opened."""
        return tuple(self._timeline.openings)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Rejections of suspects."""
        return tuple(self._timeline.rejections)

    @property
    def inputs(self) -> tuple[Admitted, ...]:
        """The inputs of people and agents with their answers, oldest first."""
        return tuple(self._timeline.inputs)

    @property
    def foreign_commits(self) -> tuple[str, ...]:
        """Commits since the last baseline that changed what runs: by hand, or other data."""
        return self._timeline.by_hand

    @property
    def data_fingerprint(self) -> str | None:
        """Fingerprint of the data that the run is measured on now."""
        return self._timeline.data_fingerprint

    def trials_at(self, commit: str) -> tuple[Trial, ...]:
        """Return the ledger at `commit`; all of it if the branch never had that commit."""
        place = self._timeline.place(commit)
        return self.trials[: place.trials] if place else self.trials

    def has(self, commit: str) -> bool:
        """Return whether `commit` was ever the branch's tip."""
        return self._timeline.place(commit) is not None

    @property
    def comparable(self) -> tuple[Trial, ...]:
        """The trials that were measured on the run's present data."""
        return self.trials[self._timeline.data_from :]

    @property
    def incomparable(self) -> tuple[Trial, ...]:
        """The trials that were measured on other data."""
        return self.trials[: self._timeline.data_from]

    def on_other_data(self, commit: str) -> bool:
        """Return whether the run used other data at `commit`."""
        place = self._timeline.place(commit)
        return place is not None and place.data != self.data_fingerprint

    @cached_property
    def prior(self) -> tuple[PriorTrial, ...]:
        """The trials of other runs that this one began with.

        Raise HistoryFault if they are damaged.
        """
        return read_prior(self._git, self.tip) if self.run.warm is not None else ()

    @property
    def flights(self) -> Flights:
        """The attempts in flight, with their refs."""
        return self._flights

    @property
    def in_flight(self) -> tuple[Attempt, ...]:
        """The attempts without a verdict, sorted by number."""
        return tuple(flight.attempt for flight in self._flights)

    def measured(self, attempt: Attempt) -> Result | None:
        """Return the result of an attempt's runs so far; None before the first."""
        return self._flights.measured(attempt)

    def losses(self, attempt: Attempt) -> tuple[Loss, ...]:
        """Return the places that were lost during the runs of an attempt in flight."""
        return self._flights.losses(attempt)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers that have a verdict."""
        return self._timeline.numbers

    @property
    def judged(self) -> frozenset[str]:
        """The commits of the attempts that have a verdict."""
        return self._timeline.judged

    @property
    def next_number(self) -> int:
        """The number of the next attempt.

        Raise HistoryFault if a forged branch has used up all numbers.
        """
        flying = (attempt.number for attempt in self.in_flight)
        number = 1 + max([-1, *flying, *self.numbers])
        if number > MAX_WHOLE:
            message = f"{self.branch} has a trial #{number - 1}, and no number behind that"
            raise HistoryFault(message, f"autoresearch log {self.tag}")
        return number

    @property
    def sources(self) -> Sources:
        """The files that edits may touch, at the tip."""
        return self.sources_at(self.tip)

    @property
    def imported(self) -> dict[str, str]:
        """The texts of modules that the tip imports and no edit may touch, by path."""
        return self._files.imported_at(self.tip)

    def imported_at(self, commit: str) -> dict[str, str]:
        """Return the texts of modules that a commit imports and no edit may touch, by path."""
        return self._files.imported_at(commit)

    @property
    def public(self) -> str:
        """The text about the evaluator that a proposer may read, at the run's start."""
        return self._files.public

    @property
    def program(self) -> str:
        """program.md at the tip; "" if there is none."""
        return self._files.program_at(self.tip)

    @property
    def worktree(self) -> Path:
        """The folder in which the branch is checked out."""
        return worktree_path(Path(self.project.root), self.tag)

    @property
    def owner(self) -> int | None:
        """The id of the process that works on the run, or None."""
        return holder(lock_path(self.project, self.tag))

    def sources_at(self, commit: str) -> Sources:
        """Return the files that edits may touch at `commit`."""
        return self._files.sources_at(commit)

    def file_at(self, commit: str, path: str) -> str:
        """Return the text of a file at `commit`. Raise HistoryFault if it is missing."""
        return self._files.file_at(commit, path)

    def same_files(self, first: str, second: str) -> bool:
        """Return whether all files that a run sees are equal at two commits.

        A run does not see the brief and notes. An attempt is overtaken if this is False for its
        parent and the tip.
        """
        return not self._files.run_differently(first, second)

    def diff(self, before: str, after: str) -> str:
        """Return the unified diff of the workspace between two commits."""
        return self._files.diff(before, after)

    def diffs(self, commits: Sequence[str]) -> dict[str, str]:
        """Return each commit's diff against its parent, with one command."""
        return self._files.diffs(commits)

    def begun(self) -> dict[str, int]:
        """Return when each attempt began, in seconds since 1970, by commit."""
        judged = [trial.attempt for trial in self.trials if trial.attempt]
        return times_of(self._git, [*judged, *(attempt.commit for attempt in self.in_flight)])

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files at `commit` to `folder`, without hidden ones."""
        self._files.export(commit, folder)

    def export_whole(self, folder: Path, split: Split) -> None:
        """Write the workspace's files at the start to `folder`, hidden ones included."""
        self._files.export_whole(folder, split)

    def tree_with(self, sources: Sources, base: str) -> str:
        """Return the tree of the commit `base` with its editable files replaced."""
        return self._files.tree_with(sources, base)
