"""Collects the records on a run's branch: trials, notes, and where the branch was when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.branch import find_tip, no_run
from agent.history.commits import Commit, ours, read_commits, read_log
from agent.history.entries import (
    Copied,
    Entry,
    NewData,
    Unknown,
    is_attempt,
    is_measured,
    read_entry,
    read_run,
    refuse_off_scale,
)
from agent.history.files import Files
from agent.history.firsts import first_commit
from agent.history.runs import HEADS
from agent.history.short import base_of
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.settings import RunSettings
from agent.records.inputs import Admitted, Reject
from agent.records.opening import Opening
from agent.records.results import TAKEN, Attempt, Trial

MAX_NAMED = 5
"""The most copies of verdicts that a warning names."""


@dataclass(frozen=True)
class Place:
    """The state of the branch at one of its commits."""

    trials: int
    """Length of the ledger."""
    data: str | None
    """Fingerprint of the data that trials were measured on then."""


class Timeline:
    """The records of one branch, oldest first. Each new commit is added."""

    def __init__(self, run: RunSettings, start: Commit) -> None:
        """Begin with the run's first commit."""
        self.run = run
        self.tip = start.id
        self.trials: list[Trial] = []
        self.measurements: list[Measurement] = []
        self.rejections: list[Rejection] = []
        self.inputs: list[Admitted] = []
        """Inputs of people and agents, each id once."""
        self.openings: list[Opening] = []
        self.unknown: list[Unknown] = []
        """Records of a newer version of autoresearch."""
        self.twins: list[Trial] = []
        """Further verdicts on a number that has one; only the first counts."""
        self.copies: list[Copied] = []
        """Copies of verdicts, which do not count either."""
        self.by_hand: tuple[str, ...] = ()
        """Commits since the last baseline that changed what runs: by hand, or other data."""
        self.data_fingerprint = run.data_fingerprint
        self.data_from = 0
        """Index of the first trial on that data."""
        self.trees = [start.tree]
        """Every tree that the branch had; the worktree may have any of them."""
        self._places: dict[str, Place] = {}
        self.stand_at(start.id)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers that have a verdict."""
        return frozenset(trial.number for trial in self.trials)

    @property
    def judged(self) -> frozenset[str]:
        """The commits of the attempts that have a verdict, even one that does not count."""
        return frozenset(trial.attempt for trial in (*self.trials, *self.twins))

    def place(self, commit: str) -> Place | None:
        """Return the state of the branch at `commit`; None if it never had that commit."""
        return self._places.get(commit)

    def add_trial(self, trial: Trial) -> Trial:
        """Add a verdict, and return it. The first baseline on other data gets `new_data` set."""
        earlier = self.trials[self.data_from :]
        is_baseline = trial.status == "baseline"
        first = is_baseline and not any(other.status == "baseline" for other in earlier)
        if first and self.data_from > 0:
            trial = trial.model_copy(update={"new_data": True})
        self.trials.append(trial)
        if is_baseline:
            self.by_hand = ()
        return trial

    def add_input(self, admitted: Admitted) -> None:
        """Add an input, unless there is one with its id."""
        if all(other.input.id != admitted.input.id for other in self.inputs):
            self.inputs.append(admitted)
            ask = admitted.input.ask
            if isinstance(ask, Reject) and admitted.accepted:
                because = Rejection(number=ask.number, because=ask.because, at=admitted.at)
                self.rejections.append(because)

    def begin_data(self, fingerprint: str, commit: str) -> None:
        """Record that later trials are measured on other data, since `commit`."""
        self.data_fingerprint = fingerprint
        self.data_from = len(self.trials)
        self.add_by_hand(commit)

    def add_by_hand(self, commit: str) -> None:
        """Record that `commit` changed what runs."""
        self.by_hand = (*self.by_hand, commit)

    def add_commit_by_hand(self, git: Plumbing, files: Files, commit: Commit) -> None:
        """Add a commit that somebody made by hand while the run works.

        Raise HistoryFault if it merges an attempt without a record.
        """
        _refuse_torn(git, [commit], self.run.tag)
        _compare_trees(self, files, commit, self.trees[-1])
        self.trees.append(commit.tree)
        self.stand_at(commit.id)

    def stand_at(self, commit: str) -> None:
        """Record that `commit` is the newest one now."""
        self.tip = commit
        self._places[commit] = Place(len(self.trials), self.data_fingerprint)


def read_timeline(git: Plumbing, files: Files, branch: str, tag: str) -> Timeline:
    """Return the timeline of a branch. Raise HistoryFault if it is forged or not a run's."""
    tip = find_tip(git, branch)
    first = first_commit(git, tip)
    if not first:
        raise no_run(git, branch)
    start, *commits = read_log(git, "--first-parent", "--reverse", tip, f"^{first}^@", "--")
    _refuse_attempt_at_tip(commits, branch, tag)
    run, unknown = read_run(start)
    files.belong_to(run)
    timeline = Timeline(run.model_copy(update={"tag": tag}), start)
    timeline.unknown += unknown
    entries = list(_read(commits))
    _refuse_attempts([commit for commit, entry in entries if isinstance(entry, Attempt)], tag)
    _refuse_torn(git, [commit for commit, entry in entries if entry is None], tag)
    taken = files.trees_of(
        entry.attempt for _, entry in entries if isinstance(entry, Trial) and entry.status in TAKEN
    )
    numbers: set[int] = set()
    for commit, entry in entries:
        refuse_off_scale(commit, entry, run.sense)
        before = timeline.trees[-1]
        if isinstance(entry, Trial) and entry.number in numbers:
            timeline.twins.append(entry)
            _compare_trees(timeline, files, commit, before)
        elif isinstance(entry, Trial):
            numbers.add(entry.number)
            timeline.add_trial(entry)
            _compare_trees(timeline, files, commit, taken.get(entry.attempt, before))
        else:
            _add_note(timeline, commit, entry)
            if not isinstance(entry, NewData | Unknown):
                _compare_trees(timeline, files, commit, before)
        timeline.trees.append(commit.tree)
        timeline.stand_at(commit.id)
    return timeline


def _read(commits: Iterable[Commit]) -> Iterator[tuple[Commit, Entry | None]]:
    """Yield each commit with its record; constants that refer to an earlier trial are filled in."""
    base: Trial | None = None
    numbers: set[int] = set()
    for commit in commits:
        entry = read_entry(commit, base)
        yield commit, entry
        if base is None and isinstance(entry, Trial) and entry.number not in numbers:
            numbers.add(entry.number)
            base = base_of([entry])


def _add_note(timeline: Timeline, commit: Commit, entry: Entry | None) -> None:
    """Add the record of a commit that is not a verdict."""
    match entry:
        case Measurement():
            timeline.measurements.append(entry)
        case Rejection():
            timeline.rejections.append(entry)
        case Admitted():
            timeline.add_input(entry)
        case Opening():
            timeline.openings.append(entry)
        case NewData():
            timeline.begin_data(entry.fingerprint, commit.id)
        case Unknown():
            timeline.unknown.append(entry)
        case Copied():
            timeline.copies.append(entry)
        case _:
            pass


def _compare_trees(timeline: Timeline, files: Files, commit: Commit, expected: str) -> None:
    """Record a commit that changed what runs. expected: its tree if it did not."""
    if commit.tree != expected and files.run_differently(expected, commit.tree):
        timeline.add_by_hand(commit.id)


def _refuse_attempt_at_tip(commits: list[Commit], branch: str, tag: str) -> None:
    """Raise HistoryFault if the branch was fast-forwarded to an attempt, or to a note on one.

    The fault's next command moves the branch back.
    """
    newest = [commit for commit in commits[-2:] if not is_measured(commit)][-1:]
    if not newest or not is_attempt(newest[0]):
        return
    attempt = newest[0]
    others = [commit for commit in commits[-4:] if commit is not attempt]
    if len(commits) > 2 and any(map(is_attempt, others)):
        return  # a rebase flattened the branch: moving it back would not repair it
    message = (
        f"{attempt.id[:12]} at the tip of {branch} is an attempt without its verdict: "
        "a fast-forward put it there"
    )
    command = f"git update-ref {HEADS}{tag} {attempt.parents[0]}   # takes it off the branch again"
    raise HistoryFault(message, command)


def _refuse_attempts(attempts: Sequence[Commit], tag: str) -> None:
    """Raise HistoryFault for attempts on the branch itself, further down than its tip."""
    if not attempts:
        return
    if len(attempts) > 1:
        how = "a rebase or a fast-forward"
        command = _back_by(tag)
    else:
        how = "a cherry-pick or a fast-forward"
        command = (
            f"git update-ref {HEADS}{tag} {attempts[0].parents[0]}   # the state before it; "
            f"git reflog autoresearch/{tag} has what came behind"
        )
    message = f"{attempts[0].id[:12]} is an attempt without its verdict: {how} put it on the branch"
    raise HistoryFault(message, command)


def _refuse_torn(git: Plumbing, by_hand: Sequence[Commit], tag: str) -> None:
    """Raise HistoryFault for our own merge of an attempt: a verdict without its record."""
    merges = [(commit.parents[1], commit.id) for commit in by_hand if len(commit.parents) == 2]
    merged = read_commits(git, {second for second, _ in merges})
    torn = [merge for second, merge in merges if is_attempt(merged[second])]
    own = ours(git, torn)
    for merge in torn:
        if merge in own:
            raise HistoryFault(f"the verdict {merge[:12]} has lost its record", _back_by(tag))


def _back_by(tag: str) -> str:
    """Return what to type after somebody rewrote the branch of a run."""
    return (
        f"git reflog autoresearch/{tag}   # find the last state of the run's own there, "
        f"then: git update-ref {HEADS}{tag} THAT"
    )


def of_uncounted(timeline: Timeline) -> list[str]:
    """Return a warning for each verdict that does not count."""
    twins = [
        f"{trial.verdict[:12]} is a second verdict on #{trial.number} ({trial.status}); "
        f"the first one counts, and this one is taken for a commit by hand"
        for trial in timeline.twins
    ]
    if not timeline.copies:
        return twins
    names = ", ".join(copy.commit[:12] for copy in timeline.copies[:MAX_NAMED])
    more = ", …" if len(timeline.copies) > MAX_NAMED else ""
    copies = f"copies of verdicts, without an attempt: {names}{more}"
    return [*twins, f"taken for commits by hand, since they are {copies}"]
