"""Git is the database: attempt and verdict commits on a branch of the run's own, and refs for what is in flight."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from agent.errors import HistoryFault
from agent.git.home import checked, is_tag, run_folder, worktree_path
from agent.git.lock import hold, holder
from agent.git.plumbing import Plumbing, scratch_index
from agent.git.repository import refuse_tracked
from agent.history import checkout
from agent.history.branch import (
    find_tip,
    has_file,
    lost_file,
    no_run,
    refuse_incomplete,
    refuse_taken,
    tag_of,
)
from agent.history.commits import FORM, Commit, parse_log
from agent.history.flights import Flights, abandoned_tags, readable_flights, transaction
from agent.history.runs import (
    HEADS,
    first_commit,
    lock_path,
    sweep_git_locks,
    sweep_trials,
    tip_of,
    unlike_remotes,
)
from agent.history.trailers import (
    again_message,
    attempt_message,
    data_message,
    is_attempt,
    prior_message,
    read_again,
    read_data,
    read_measured,
    read_rejection,
    read_run,
    read_trial,
    rejection_message,
    run_message,
    verdict_message,
)
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.bounded import MAX_WHOLE, reason_of
from agent.records.proposals import Proposal
from agent.records.results import TAKEN, Attempt, PriorTrial, Result, Trial

FOREIGN = "foreign.jsonl"


class History:
    """One run's branch. Made by create, open or read; a context manager that holds the run's lock (create, open).

    tag: the branch's name behind autoresearch/; refs, worktree, lock and logs go by it, whatever tag the record has.
    run: what the start was asked for, with `tag` as its tag. trials: the ledger, oldest first. measurements: what was measured
    again afterwards, oldest first. rejections: of suspects. tip: the branch's commit. source, program: train.py and program.md
    at the tip. foreign_commits: commits since the last baseline by which a human hand, or change_data, changed what runs.
    data_fingerprint: of the data that the run is measured on now.
    warnings: what is odd about the branch, and what could not be done for the worktree.
    """

    def __init__(self, project: Project, branch: str, lock: IO[str] | None) -> None:
        self.project, self.branch = project, branch
        self.tag = tag_of(branch)
        self._lock = lock
        self._git = Plumbing(Path(project.root))
        self._sources: dict[str, str] = {}
        self.warnings: list[str] = []
        self._read()

    # ------------------------------------------------------------ opening

    @classmethod
    def create(cls, project: Project, run: RunSettings, prior: Sequence[PriorTrial] = ()) -> Self:
        """Begin a run: its branch off run.start_commit, with its settings in a first commit. HistoryFault if the tag is taken.

        prior: trials of other runs; they come along in a commit of their own, the first one's second parent.
        """
        git, reference = Plumbing(Path(project.root)), HEADS + checked(run.tag)
        refuse_tracked(git, run.start_commit)
        lock = _locked(project, run.tag)
        try:
            refuse_taken(git, run.tag)
            tree = f"{run.start_commit}^{{tree}}"
            parents = [
                "-p",
                run.start_commit,
                *(["-p", _commit_prior(git, prior, run.warm)] if prior else []),
            ]
            first = git(
                "commit-tree", tree, *parents, "-F", "-", stdin=run_message(run).encode()
            ).strip()
            git("update-ref", reference, first, "")
            return cls(project, f"autoresearch/{run.tag}", lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open(cls, project: Project, branch: str) -> Self:
        """Go on with the run TAG, autoresearch/TAG or REMOTE/autoresearch/TAG, which gets a local branch. RunBusy if locked.

        Attempts in flight that the branch has left behind (it was renamed or set back) find their place on it; see `_mend`.
        """
        git, tag = Plumbing(Path(project.root)), tag_of(branch)
        lock = _locked(project, tag)
        try:
            sweep_git_locks(git, project, tag)
            if not tip_of(git, HEADS + tag):
                git("update-ref", HEADS + tag, find_tip(git, branch), "")
            history = cls(project, f"autoresearch/{tag}", lock)
            sweep_trials(project, tag)
            history.warnings += refuse_incomplete(
                git, project, history.branch, history.tip, history.run.start_commit
            )
            history._mend()
            history.warnings += unlike_remotes(git, tag, history.tip)
            return history
        except BaseException:
            lock.close()
            raise

    @classmethod
    def read(cls, project: Project, branch: str) -> Self:
        """Look at a run without a lock and without writing anything."""
        return cls(project, branch if "/" in branch else f"autoresearch/{branch}", None)

    def __enter__(self) -> Self:
        if self._lock:
            try:
                self._bring_worktree()
                checkout.add_worktree(self._git, self.worktree, self.branch)
                self._trees += self._trees_of(
                    flight.attempt.commit for flight in self._flights
                ).values()
                self._follow()
            except BaseException:
                self._lock.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock:
            self._lock.close()

    # ------------------------------------------------------------ reading

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The ledger, oldest first."""
        return tuple(self._trials)

    def trials_at(self, commit: str) -> tuple[Trial, ...]:
        """The ledger as it was when the branch stood at `commit`; all of it for a commit that is not the branch's."""
        return tuple(self._trials[: self._reach.get(commit)])

    @property
    def comparable(self) -> tuple[Trial, ...]:
        """The part of the ledger that was measured on the data that the run has now."""
        return tuple(self._trials[self._data_from :])

    @property
    def incomparable(self) -> tuple[Trial, ...]:
        """The rest of it."""
        return tuple(self._trials[: self._data_from])

    def on_other_data(self, commit: str) -> bool:
        """Return whether the branch had other data when it stood at `commit`."""
        return self._data_of.get(commit, self.data_fingerprint) != self.data_fingerprint

    @cached_property
    def prior(self) -> tuple[PriorTrial, ...]:
        """The trials of other runs that this one began with. HistoryFault where they cannot be read."""
        if self.run.warm is None:
            return ()
        where = f"{first_commit(self._git, self.tip)}^2:{FOREIGN}"
        try:
            return tuple(
                PriorTrial.model_validate_json(line)
                for line in self._git("cat-file", "blob", where).splitlines()
            )
        except ValueError as error:
            raise HistoryFault(
                f"the prior trials in {where} cannot be read: {reason_of(error)}",
                f"git show {where}",
            ) from None

    @property
    def in_flight(self) -> tuple[Attempt, ...]:
        """Attempts without a verdict, by number."""
        return tuple(flight.attempt for flight in self._flights)

    def measured(self, attempt: Attempt) -> Result | None:
        """What the runs of an attempt in flight have given so far."""
        return self._flights.measured(attempt)

    @property
    def next_number(self) -> int:
        """The number of the next attempt. HistoryFault where a forged branch has used up all that there are."""
        number = 1 + max([-1, *(flight.attempt.number for flight in self._flights), *self._numbers])
        if number > MAX_WHOLE:
            raise HistoryFault(
                f"{self.branch} has a trial #{number - 1}, and no number behind that",
                f"autoresearch log {self.tag}",
            )
        return number

    @property
    def source(self) -> str:
        """train.py at the tip."""
        return self.source_at(self.tip)

    @property
    def program(self) -> str:
        """program.md at the tip, or nothing where there is none."""
        if not self.project.program or not has_file(self._git, self.tip, self.project.program):
            return ""
        return self.file_at(self.tip, self.project.program)

    @property
    def worktree(self) -> Path:
        """Where the branch is checked out."""
        return worktree_path(Path(self.project.root), self.tag)

    @property
    def owner(self) -> int | None:
        """The process that works on the run, None where none does."""
        return holder(lock_path(self.project, self.tag))

    def source_at(self, commit: str) -> str:
        """train.py at `commit`, every byte of it."""
        if commit not in self._sources:
            self._sources[commit] = self.file_at(commit, self.project.train)
        return self._sources[commit]

    def file_at(self, commit: str, path: str) -> str:
        """A file at `commit`. HistoryFault where it has none."""
        try:
            return self._git("cat-file", "blob", f"{commit}:{path}")
        except HistoryFault:
            if has_file(self._git, commit, path):
                raise
            raise lost_file(
                self.project, self.branch, commit, self.run.start_commit, path
            ) from None

    def same_files(self, one: str, other: str) -> bool:
        """True where two commits hold the same files, program.md and all."""
        first, second = self._git("rev-parse", f"{one}^{{tree}}", f"{other}^{{tree}}").split()
        return first == second

    def diff(self, before: str, after: str) -> str:
        """The workspace's unified diff between two commits."""
        options = ("--no-color", "--no-ext-diff", "--no-textconv")
        return self._git("diff", *options, before, after, "--", self.project.workspace or ".")

    def diffs(self, commits: Sequence[str]) -> dict[str, str]:
        """The workspace's unified diff of each of `commits` against its parent, in one call however many they are."""
        listed = "".join(f"{commit}\n" for commit in commits if commit).encode()
        where = self.project.workspace or "."
        options = ("--no-color", "--no-ext-diff", "--no-textconv")
        text = self._git("diff-tree", "--stdin", "-r", "-p", *options, "--", where, stdin=listed)
        parts = re.split(
            r"^([0-9a-f]{40,64})\n", text, flags=re.MULTILINE
        )  # a diff's own lines begin otherwise
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files as of `commit` to `folder`; of sealed data the recipe stays out."""
        checkout.export(self._git, commit, self.project.workspace, folder, self.project.unseen)

    def _read(self) -> None:
        self.tip = find_tip(self._git, self.branch)
        first = first_commit(self._git, self.tip)
        if not first:
            raise no_run(self._git, self.branch)
        log = self._git(
            "log", "-z", "--first-parent", "--reverse", FORM, self.tip, f"^{first}^@", "--"
        )
        start, *commits = parse_log(log)
        self._refuse_attempt_at_tip(commits)
        self.run = read_run(start.id, start.message).model_copy(update={"tag": self.tag})
        self._trials: list[Trial] = []
        self.measurements: list[Measurement] = []
        self.rejections: list[Rejection] = []
        self._reach: dict[str, int] = {start.id: 0}
        self.data_fingerprint = self.run.data_fingerprint
        self._data_from = 0
        self._data_of: dict[str, str | None] = {start.id: self.data_fingerprint}
        self._trees = [start.tree]
        self.foreign_commits: tuple[str, ...] = ()
        read = [
            (commit, read_trial(commit.id, commit.parents, commit.message)) for commit in commits
        ]
        self._landed = {trial.attempt for _, trial in read if trial}
        twins = _twins(trial for _, trial in read if trial)
        self.warnings += [_of_twin(trial) for trial in twins.values()]
        judged = self._trees_of(
            trial.attempt for _, trial in read if trial and trial.status in TAKEN
        )
        for commit, trial in read:
            if commit.id in twins:
                self._take_foreign(commit, self._trees[-1])
            else:
                self._take(
                    commit,
                    trial,
                    judged[trial.attempt] if trial and trial.status in TAKEN else self._trees[-1],
                )
        self._numbers = {trial.number for trial in self._trials}
        self._flights = Flights(self._git, self.tag, self._landed, clean=self._lock is not None)

    def _take(self, commit: Commit, trial: Trial | None, expected: str) -> None:
        """Add one commit of the branch. `expected`: the tree that it has unless a human hand changed something."""
        fingerprint = None
        if trial:
            self._trials.append(self._marked(trial))
            if trial.status == "baseline":
                self.foreign_commits = ()
        elif found := read_again(commit.id, commit.message):
            self.measurements.append(found)
        elif rejection := read_rejection(commit.id, commit.message):
            self.rejections.append(rejection)
        elif fingerprint := read_data(commit.id, commit.message):
            self._begin_data(fingerprint)
        elif len(commit.parents) == 2:
            self._refuse_torn(commit)
        self._take_foreign(commit, expected, fingerprint is not None)

    def _take_foreign(self, commit: Commit, expected: str, other_data: bool = False) -> None:
        """Note where a commit leaves the branch, and whether a human hand, or other data, changed what runs by it."""
        if other_data or (
            commit.tree != expected and self._runs_differently(expected, commit.tree)
        ):
            self.foreign_commits = (*self.foreign_commits, commit.id)
        self._trees.append(commit.tree)
        self._reach[commit.id] = len(self._trials)
        self._data_of[commit.id] = self.data_fingerprint

    def _begin_data(self, fingerprint: str) -> None:
        """What comes from here on is measured on other data."""
        self.data_fingerprint = fingerprint
        self._data_from = len(self._trials)

    def _marked(self, trial: Trial) -> Trial:
        """Return `trial` with what only its place on the branch tells."""
        fresh = trial.status == "baseline" and self._data_from > 0
        first = fresh and not any(earlier.status == "baseline" for earlier in self.comparable)
        return trial.model_copy(update={"new_data": True}) if first else trial

    def _trees_of(self, commits: Iterable[str]) -> dict[str, str]:
        names = list(commits)
        question = "".join(f"{name}^{{tree}}\n" for name in names).encode()
        answers = (
            self._git("cat-file", "--batch-check=%(objectname)", stdin=question).splitlines()
            if names
            else []
        )
        return dict(zip(names, answers, strict=True))

    def _refuse_attempt_at_tip(self, commits: Sequence[Commit]) -> None:
        """A fast-forward to an attempt in flight, or to a note on one, is taken back by moving the branch to where it was."""
        at_tip = [
            commit for commit in commits[-2:] if not read_measured(commit.id, commit.message)
        ][-1:]
        if not at_tip or not is_attempt(at_tip[0].id, at_tip[0].message):
            return
        before = at_tip[0].parents[0]
        if len(commits) > 2 and any(
            is_attempt(commit.id, commit.message)
            for commit in commits[-4:]
            if commit is not at_tip[0]
        ):
            return  # a rebase that flattened: nothing of the branch is as it was
        message = f"{at_tip[0].id[:12]} at the tip of {self.branch} is an attempt without its verdict: a fast-forward put it there"
        raise HistoryFault(
            message, f"git update-ref {HEADS}{self.tag} {before}   # takes it off the branch again"
        )

    def _refuse_torn(self, merge: Commit) -> None:
        """A merge of an attempt is a verdict, whatever is left of its message."""
        [merged] = parse_log(self._git("log", "-z", "-1", FORM, merge.parents[1], "--"))
        if is_attempt(merged.id, merged.message):
            raise HistoryFault(
                f"the verdict {merge.id[:12]} has lost its trailers", f"git show {merge.id[:12]}"
            )

    def _runs_differently(self, before: str, after: str) -> bool:
        """True where the trees differ in the workspace, not counting the brief: a new program.md is not a new experiment."""
        listing = self._git(
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            before,
            after,
            "--",
            self.project.workspace or ".",
        )
        return bool(set(listing.split("\0")) - {"", self.project.program})

    # ------------------------------------------------------------ writing

    def commit_attempt(self, number: int, proposal: Proposal, source: str) -> Attempt:
        """Commit `source` as train.py on the tip, and mark it in flight, before anything runs."""
        attempt = self.draft(number, proposal, source)
        self._flights.begin(attempt)
        return attempt

    def draft(self, number: int, proposal: Proposal, source: str) -> Attempt:
        """Commit `source` as train.py on the tip, for a verdict that follows at once: it never runs, so it is never in flight."""
        tree = self.tree_with(source, self.tip)
        message = attempt_message(number, proposal)
        commit = self._git(
            "commit-tree", tree, "-p", self.tip, "-F", "-", stdin=message.encode()
        ).strip()
        self._sources[commit] = source
        return Attempt(number=number, commit=commit, parent=self.tip, proposal=proposal)

    def note(self, attempt: Attempt, result: Result) -> None:
        """Write down what the runs of `attempt` have given so far, where its flight is marked: a resume goes on from there."""
        self._flights.note(attempt, result)

    def commit_verdict(self, attempt: Attempt, trial: Trial) -> Trial:
        """Merge the attempt into the branch, kept or not, and end its flight, at once.

        HistoryFault if the branch has moved, or the number has a verdict.
        """
        if trial.number in self._numbers:
            raise HistoryFault(
                f"#{trial.number} has a verdict already",
                f"autoresearch show {trial.number} --branch {self.tag}",
            )
        kept = trial.status in TAKEN
        before, taken = self.tip, attempt.commit if kept else self.tip
        message = verdict_message(trial).encode()
        parents = ("-p", before, "-p", attempt.commit)
        commit = self._git(
            "commit-tree", f"{taken}^{{tree}}", *parents, "-F", "-", stdin=message
        ).strip()
        self._move(before, commit, self._flights.landing(attempt), f"the trial #{trial.number}")
        self._sources[commit] = self.source_at(taken)
        self.tip = commit
        if trial.status == "baseline":
            self.foreign_commits = ()
        self._flights.forget(attempt)
        self._numbers.add(trial.number)
        self._landed.add(attempt.commit)
        recorded = self._marked(
            trial.model_copy(update={"attempt": attempt.commit, "verdict": commit})
        )
        self._trials.append(recorded)
        self._reach[commit] = len(self._trials)
        self._data_of[commit] = self.data_fingerprint
        if kept:
            self._follow()
        return recorded

    def measured_again(self, found: Measurement) -> None:
        """Commit what was found to the branch, on which it changes nothing. HistoryFault if the branch has moved."""
        self._say(again_message(found), found.kind)
        self.measurements.append(found)

    def reject(self, rejection: Rejection) -> None:
        """Commit a rejection to the branch, on which it changes nothing. HistoryFault if the branch has moved."""
        self._say(rejection_message(rejection), f"the rejection of #{rejection.number}")
        self.rejections.append(rejection)

    def _say(self, message: str, meanwhile: str) -> None:
        """Commit a message to the branch with the tree that it has. meanwhile: as in _move."""
        before = self.tip
        commit = self._git(
            "commit-tree", f"{before}^{{tree}}", "-p", before, "-F", "-", stdin=message.encode()
        ).strip()
        self._move(before, commit, (), meanwhile)
        self._sources[commit] = self.source_at(before)
        self.tip = commit
        self._reach[commit] = len(self._trials)
        self._data_of[commit] = self.data_fingerprint

    def draft_prepare(self, text: str) -> str:
        """Return a commit on the tip, on no branch yet, with `text` as prepare.py."""
        assert self.project.prepare, "there is one"
        tree = self._tree_with_file(self.project.prepare, text, self.tip)
        return self._git(
            "commit-tree", tree, "-p", self.tip, "-F", "-", stdin=b"draft of other data\n"
        ).strip()

    def change_data(self, draft: str, fingerprint: str, reason: str) -> None:
        """Commit the files of `draft` to the branch: from here on the run is measured on the data that its prepare.py makes.

        No score from before is compared with one from after; a new baseline comes first. HistoryFault if the branch has moved.
        """
        before = self.tip
        message = data_message(fingerprint, reason).encode()
        commit = self._git(
            "commit-tree", f"{draft}^{{tree}}", "-p", before, "-F", "-", stdin=message
        ).strip()
        self._move(before, commit, (), "the change of data")
        self._sources[commit] = self.source_at(before)
        self.tip = commit
        self._begin_data(fingerprint)
        self.foreign_commits = (*self.foreign_commits, commit)
        self._reach[commit] = len(self._trials)
        self._data_of[commit] = fingerprint
        self._follow()

    def _move(self, before: str, after: str, also: Sequence[str], meanwhile: str) -> None:
        """Move the branch, and make the steps `also`, in one transaction. meanwhile: what was under way."""
        reference = HEADS + self.tag
        steps = [f"update {reference} {after} {before}", *also]
        try:
            self._git("update-ref", "--stdin", stdin=transaction(steps))
        except HistoryFault as fault:
            now = tip_of(self._git, reference)
            if now == before:
                raise
            if now is None:
                message = f"{self.branch} was deleted during {meanwhile}"
                raise HistoryFault(
                    message, f"git update-ref {reference} {before}   # brings it back, to resume"
                ) from None
            message = (
                f"{self.branch} was moved by someone else during {meanwhile} ({fault.message})"
            )
            raise HistoryFault(message, f"autoresearch resume {self.tag}") from None

    def tree_with(self, source: str, base: str) -> str:
        """The tree of the commit `base` with `source` as train.py."""
        if source == self.source_at(base):
            return f"{base}^{{tree}}"
        return self._tree_with_file(self.project.train, source, base)

    def _tree_with_file(self, path: str, text: str, base: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        blob = self._git("hash-object", "-w", "--no-filters", "--stdin", stdin=data).strip()
        mode = self._git("ls-tree", base, "--", path).split(" ", 1)[0]
        with scratch_index(run_folder(Path(self.project.root), self.tag, make=True)) as index:
            self._git("read-tree", base, index=index)
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{path}", index=index)
            return self._git("write-tree", index=index).strip()

    # ------------------------------------------------------------ other hands

    def _mend(self) -> None:
        """Give every attempt in flight its place on this branch.

        Those of a branch that was renamed to this one become its own. One that was proposed on a commit which the branch no
        longer has is refused. One whose number the branch gave to another meanwhile gets a new number.
        """
        self._take_over()
        numbers = set(self._numbers)
        for flight in list(self._flights):
            attempt = flight.attempt
            free = attempt.number not in numbers
            numbers.add(attempt.number)
            if attempt.parent not in self._reach:
                self._refuse(attempt, attempt.number if free else self.next_number)
            elif not free:
                self._flights.renumber(flight, self.next_number)

    def _take_over(self) -> None:
        for old in abandoned_tags(self._git):
            flights = [
                flight
                for flight in readable_flights(self._git, old)
                if flight.attempt.parent in self._reach
            ]
            flights = [flight for flight in flights if flight.attempt.commit not in self._landed]
            if flights and old != self.tag:
                with _locked(self.project, old):
                    self._flights.take_over(flights)

    def _refuse(self, attempt: Attempt, number: int) -> None:
        reason = f"the branch was set back: it no longer has {attempt.parent[:12]}, on which this was proposed"
        if number != attempt.number:
            reason += f"; it was #{attempt.number} there"
        at = datetime.now(UTC).isoformat(timespec="seconds")
        trial = Trial(
            number=number, status="refused", proposal=attempt.proposal, reason=reason, at=at
        )
        self.commit_verdict(attempt, trial)

    def _bring_worktree(self) -> None:
        """Move the worktree of a run whose branch was renamed to this one, unless a process works there."""
        place = checkout.place_of(self._git, self.branch)
        worktree = self.worktree
        if (
            place is None
            or place == worktree
            or place.parent != worktree.parent
            or not is_tag(place.name)
        ):
            return
        if holder(lock_path(self.project, place.name)) is None:
            checkout.move(self._git, place, worktree)

    def _follow(self) -> None:
        """Bring the worktree to the tip; what the user changed in it is left alone, and said."""
        self._trees.append(self._git("rev-parse", f"{self.tip}^{{tree}}").strip())
        try:
            checkout.follow(self.worktree, frozenset(self._trees), self.tip)
        except HistoryFault as fault:
            self.warnings.append(
                f"{self.worktree} was not brought to the newest state: {fault.message}"
            )


def _commit_prior(git: Plumbing, prior: Sequence[PriorTrial], source: str | None) -> str:
    """A commit without parents that holds trials of other runs: reachable from the branch, and in no tree that is trained."""
    lines = "".join(f"{trial.model_dump_json()}\n" for trial in prior)
    blob = git("hash-object", "-w", "--no-filters", "--stdin", stdin=lines.encode()).strip()
    tree = git("mktree", stdin=f"100644 blob {blob}\t{FOREIGN}\n".encode()).strip()
    return git(
        "commit-tree", tree, "-F", "-", stdin=prior_message(len(prior), source or "").encode()
    ).strip()


def _twins(trials: Iterable[Trial]) -> dict[str, Trial]:
    """Return the verdicts on a number that had one before, by commit: the first one counts."""
    seen: set[int] = set()
    twins = {}
    for trial in trials:
        if trial.number in seen:
            twins[trial.verdict] = trial
        seen.add(trial.number)
    return twins


def _of_twin(trial: Trial) -> str:
    return (
        f"{trial.verdict[:12]} is a second verdict on #{trial.number} ({trial.status}); the first one counts, and this one is "
        "taken for a commit by hand"
    )


def _locked(project: Project, tag: str) -> IO[str]:
    run_folder(Path(project.root), tag, make=True)
    return hold(lock_path(project, tag), f"the run {tag}")
