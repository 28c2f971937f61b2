"""Finds the state of a run that another one begins at, and the parents of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Fault, HistoryFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.branch import run_tags, tag_of
from agent.history.commits import read_commits
from agent.history.entries import is_attempt, read_run
from agent.history.firsts import first_commit, first_commits
from agent.history.history import History
from agent.history.runs import list_runs
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.lineage import Parent
from agent.records.results import TAKEN, Attempt, Trial
from sandbox.ground.text import whole_number

MARK = "#"
EXAMPLE = "autoresearch list   # then: autoresearch start --from RUN#N"
MAX_GENERATIONS = 1_000
"""A longer line of runs is no run's of ours."""


@dataclass(frozen=True)
class State:
    """One state of a run."""

    parent: Parent
    commit: str
    """The commit with the files."""
    run: RunSettings
    """The settings of the run."""
    trial: Trial | Attempt | None
    """The trial whose files it has; None for the newest state of the branch."""

    @property
    def status(self) -> str:
        """The status of the trial; "" for the newest state of the branch."""
        if self.trial is None:
            return ""
        return self.trial.status if isinstance(self.trial, Trial) else "no verdict yet"


def find_state(project: Project, name: str) -> State:
    """Return the state that RUN#N names, or the newest state of RUN.

    Raise UsageFault if the name has another form, or if there is no such trial or it has no files,
    and HistoryFault if there is no such run.
    """
    tag, mark, typed = name.partition(MARK)
    number = whole_number(typed)
    if not tag or (mark and number is None):
        raise UsageFault(f"{name[:300]!r} is not RUN#N, a run and the number of a trial.", EXAMPLE)
    try:
        history = History.read(project, tag)
    except HistoryFault as fault:
        raise _kept_by_a_child(project, tag) or fault from None
    with history:
        first = first_commit(Plumbing(Path(project.root)), history.tip)
        assert first is not None, "a history that can be read has a first commit"
        if number is None:
            parent = Parent(tag=history.tag, first=first)
            return State(parent, history.tip, history.run, None)
        entry = _entry(history, number)
        parent = Parent(tag=history.tag, trial=entry.number, first=first)
        return State(parent, _commit_of(history, entry), history.run, entry)


def _kept_by_a_child(project: Project, name: str) -> HistoryFault | None:
    """Return the fault for a deleted run if another run, which began at it, holds its commits."""
    tag = tag_of(name)
    git = Plumbing(Path(project.root))
    if tag in run_tags(git):
        return None
    for other in list_runs(project):
        try:
            run = History.read(project, other.branch).run
        except Fault:
            continue
        if run.parent is not None and run.parent.tag == tag:
            [start] = read_commits(git, [run.start_commit]).values()
            # An attempt is not on its run's branch, but its parent is.
            tip = start.parents[0] if is_attempt(start) else start.id
            message = (
                f"There is no run {tag} here; {other.branch} began at {run.parent} and holds what "
                "came before."
            )
            command = f"git branch autoresearch/{tag} {tip[:12]}   # brings that back"
            return HistoryFault(message, command)
    return None


def _entry(history: History, number: int) -> Trial | Attempt:
    entries: tuple[Trial | Attempt, ...] = (*history.trials, *history.in_flight)
    for entry in entries:
        if entry.number == number:
            return entry
    log = f"autoresearch log {history.tag}"
    if not entries:
        message = f"There is no trial #{number} in {history.branch}: it has none yet."
        raise UsageFault(message, f"autoresearch start --from {history.tag}")
    numbers = sorted(entry.number for entry in entries)
    raise UsageFault(
        f"There is no trial #{number} in {history.branch}. "
        f"It has #{numbers[0]} to #{numbers[-1]}; did you mean #{_nearest(numbers, number)}?",
        log,
    )


def _nearest(numbers: list[int], number: int) -> int:
    return min(numbers, key=lambda other: (abs(other - number), other))


def _commit_of(history: History, entry: Trial | Attempt) -> str:
    """Return the commit with the files of a trial: the verdict if it was kept, else the attempt.

    Raise UsageFault for a trial without files of its own.
    """
    if isinstance(entry, Attempt):
        return entry.commit
    if entry.status == "refused" or (entry.status == "reported" and not entry.proposal.edits):
        why = "its edits were refused" if entry.status == "refused" else "its change is not known"
        raise UsageFault(
            f"#{entry.number} of {history.branch} has no files of its own: {why}.",
            f"autoresearch show {entry.number} --branch {history.tag}",
        )
    return entry.verdict if entry.status in TAKEN else entry.attempt


Firsts = Mapping[str, Sequence[str]]
"""The tags of the runs that are here, by their first commits."""


def tags_by_first(project: Project) -> Firsts:
    """Return the tags of all runs by first commit, which copies of a run share."""
    runs = list_runs(project)
    firsts = first_commits(Plumbing(Path(project.root)), (run.commit for run in runs))
    tags: dict[str, list[str]] = {}
    for run in runs:
        first = firsts.get(run.commit)
        if first is not None:
            tags.setdefault(first, []).append(run.tag)
    return tags


def tag_now(parent: Parent, firsts: Firsts) -> str | None:
    """Return the present tag of a parent run; None if its branch is not here."""
    tags = firsts.get(parent.first, ())
    if parent.tag in tags:
        return parent.tag
    return tags[0] if tags else None


def parent_text(project: Project, run: RunSettings) -> str:
    """Return a line about the parent of a run; "" if it has none.

    It says so if the parent was renamed, or is not here.
    """
    parent = run.parent
    if parent is None:
        return ""
    now = tag_now(parent, tags_by_first(project))
    if now is None:
        return f"{parent}, whose branch is not here; its state is {run.start_commit[:12]}"
    return str(parent) if now == parent.tag else f"{parent}, which is called {now} now"


def root_commit(git: Plumbing, run: RunSettings) -> str:
    """Return the start commit of the oldest ancestor of a run.

    Raise HistoryFault if it has MAX_GENERATIONS ancestors, as in a cycle.
    """
    oldest = run
    for _ in range(MAX_GENERATIONS):
        if oldest.parent is None:
            return oldest.start_commit
        first = oldest.parent.first
        oldest, _ = read_run(read_commits(git, [first])[first])
    message = f"the run {run.tag} has {MAX_GENERATIONS} runs before it"
    raise HistoryFault(message, f"git log --first-parent {run.start_commit[:12]}")
