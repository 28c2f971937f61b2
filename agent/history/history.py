"""Git is the database: attempts and verdicts are commits on a branch of the run's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

from agent.errors import BranchMoved, HistoryFault
from agent.git.plumbing import Plumbing
from agent.history import checkout
from agent.history.branch import find_tip, refuse_incomplete, tag_of
from agent.history.by_hand import new_commits
from agent.history.commits import Commit
from agent.history.flights import transaction
from agent.history.mend import bring_worktree, mend
from agent.history.messages import (
    attempt_message,
    comparison_message,
    data_message,
    input_message,
    opening_message,
    rejection_message,
    verdict_message,
)
from agent.history.opening import create_branch, ensure_branch, locked
from agent.history.reading import Reading
from agent.history.runs import (
    HEADS,
    sweep_git_locks,
    sweep_trials,
    tip_of,
    unlike_remotes,
)
from agent.history.short import base_of
from agent.judge.comparison import Measurement
from agent.judge.suspicion import Rejection
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.inputs import Admitted, Brief
from agent.records.losses import Loss
from agent.records.opening import Opening
from agent.records.proposals import Proposal
from agent.records.results import KEPT, TAKEN, Attempt, PriorTrial, Result, Trial
from agent.records.sources import Sources


class History(Reading):
    """One run's branch. Get one by `create`, `open` or `read`.

    After `create` and `open` it is a context manager that holds the run's lock.
    """

    def __init__(self, project: Project, branch: str, lock: IO[str] | None) -> None:
        super().__init__(project, branch, locked=lock is not None)
        self._lock = lock
        self._by_hand: list[Commit] = []

    # ------------------------------------------------------------ opening

    @classmethod
    def create(cls, project: Project, run: RunSettings, prior: Sequence[PriorTrial] = ()) -> Self:
        """Begin a run: make its branch at run.start_commit, with its settings in a first commit.

        prior: trials of other runs, stored in a commit that is the first one's second parent. Raise
        HistoryFault if the tag is taken.
        """
        lock = create_branch(project, run, prior)
        try:
            return cls(project, f"autoresearch/{run.tag}", lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open(cls, project: Project, branch: str) -> Self:
        """Open the run TAG, autoresearch/TAG or REMOTE/autoresearch/TAG for writing.

        A remote's run gets a local branch. Attempts in flight are put in order if the branch was
        renamed or set back. Raise RunBusy if another process works on the run, HistoryFault if a
        newer version of autoresearch wrote to it.
        """
        git = Plumbing(Path(project.root))
        tag = tag_of(branch)
        find_tip(git, branch)  # a name that no run has leaves no folder behind
        lock = locked(project, tag)
        try:
            sweep_git_locks(git, project, tag)
            ensure_branch(git, branch)
            history = cls(project, f"autoresearch/{tag}", lock)
        except BaseException:
            lock.close()
            raise
        try:
            sweep_trials(project, tag)
            history._prepare()
        except BaseException:
            history.close()
            raise
        return history

    @classmethod
    def read(cls, project: Project, branch: str) -> Self:
        """Open a run for reading, without a lock."""
        return cls(project, branch if "/" in branch else f"autoresearch/{branch}", None)

    def __enter__(self) -> Self:
        if self._lock:
            try:
                bring_worktree(self._git, self.project, self.branch, self.worktree)
                checkout.add_worktree(self._git, self.worktree, self.branch)
                attempts = (flight.attempt.commit for flight in self._flights)
                self._timeline.trees += self._files.trees_of(attempts).values()
                self._follow()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git commands that stay, and release the run."""
        self._store.close()
        if self._lock:
            self._lock.close()

    def _prepare(self) -> None:
        """Check that the run can go on, and put its attempts in flight in order."""
        start = self.run.start_commit
        self.warnings += refuse_incomplete(self._git, self.project, self.branch, self.tip, start)
        self._store.refuse_endless(self.tip)
        for flight in self._flights:
            self._flights.refuse_lost(flight.attempt)
        mend(self._git, self.project, self)
        self.warnings += unlike_remotes(self._git, self.tag, self.tip)

    # ------------------------------------------------------------ writing

    def commit_attempt(self, number: int, proposal: Proposal, sources: Sources) -> Attempt:
        """Commit `sources` on the tip as an attempt, and mark it as in flight."""
        attempt = self.draft(number, proposal, sources)
        self._flights.begin(attempt)
        return attempt

    def draft(self, number: int, proposal: Proposal, sources: Sources) -> Attempt:
        """Commit `sources` on the tip as an attempt that gets its verdict without a run."""
        tree = self.tree_with(sources, self.tip)
        commit = self._files.commit(tree, [self.tip], attempt_message(number, proposal))
        self._files.remember_sources(commit, sources)
        return Attempt(number=number, commit=commit, parent=self.tip, proposal=proposal)

    def note(self, attempt: Attempt, result: Result) -> None:
        """Record the result of an attempt's runs so far, for a resume to go on from."""
        self._flights.note(attempt, result)

    def lose(self, attempt: Attempt, loss: Loss) -> None:
        """Record that a place was lost during a run of an attempt."""
        self._flights.lose(attempt, loss)

    def commit_verdict(self, attempt: Attempt, trial: Trial) -> Trial:
        """Merge the attempt into the branch, kept or not, and delete its ref, in one transaction.

        Return the trial as recorded. Raise HistoryFault if the number has a verdict or the branch
        was set back, and BranchMoved if commits by hand were taken in and a keep or baseline must
        be judged again.
        """
        if trial.number in self.numbers:
            message = f"#{trial.number} has a verdict already"
            raise HistoryFault(message, f"autoresearch show {trial.number} --branch {self.tag}")
        while True:
            try:
                return self._merge(attempt, trial)
            except BranchMoved:
                self.take_in()
                if trial.status in KEPT | TAKEN:
                    raise

    def _merge(self, attempt: Attempt, trial: Trial) -> Trial:
        self._flights.refuse_lost(attempt)
        taken = trial.status in TAKEN
        sources = self.sources_at(attempt.commit if taken else self.tip)
        tree = self._tree_of_keep(attempt, sources) if taken else f"{self.tip}^{{tree}}"
        parents = [self.tip, attempt.commit]
        message = verdict_message(trial, self.run.sense, base_of(self._timeline.trials))
        commit = self._files.commit(tree, parents, message)
        self._move(commit, self._flights.landing(attempt), f"the trial #{trial.number}")
        self._files.remember_sources(commit, sources)
        self._flights.forget(attempt)
        places = {"attempt": attempt.commit, "verdict": commit}
        recorded = self._timeline.add_trial(trial.model_copy(update=places))
        self._timeline.stand_at(commit)
        if taken:
            self._follow()
        return recorded

    def _tree_of_keep(self, attempt: Attempt, sources: Sources) -> str:
        """Return the tip's tree with the attempt's files in it.

        Other files, such as the brief, may be newer at the tip than in the attempt.
        """
        if attempt.parent == self.tip:
            return f"{attempt.commit}^{{tree}}"
        return self.tree_with(sources, self.tip)

    def measured_again(self, measurement: Measurement) -> None:
        """Record a later measurement. Raise HistoryFault if the branch was set back."""
        self._commit_note(comparison_message(measurement), measurement.kind)
        self._timeline.measurements.append(measurement)

    def reject(self, rejection: Rejection) -> None:
        """Record a rejection. Raise HistoryFault if the branch was set back."""
        self._commit_note(rejection_message(rejection), f"the rejection of #{rejection.number}")
        self._timeline.rejections.append(rejection)

    def open_test(self, opening: Opening) -> None:
        """Record that the test split is about to be read. Raise HistoryFault as `reject` does."""
        self._commit_note(opening_message(opening), "an opening of the test split")
        self._timeline.openings.append(opening)

    def admit(self, admitted: Admitted) -> None:
        """Record an input with its answer; an accepted brief becomes program.md.

        Raise HistoryFault if the branch was set back.
        """
        ask = admitted.input.ask
        program = self.project.program
        is_brief = isinstance(ask, Brief) and admitted.accepted and bool(program)

        def tree() -> str:
            if isinstance(ask, Brief) and is_brief and program:
                return self._files.tree_with_files({program: ask.text}, self.tip)
            return f"{self.tip}^{{tree}}"

        self._commit_note(input_message(admitted), f"the input {admitted.input.id}", tree)
        self._timeline.add_input(admitted)
        if is_brief:
            self._follow()

    def take_in(self) -> None:
        """Read the commits that somebody made on the branch by hand; they count from now on.

        Raise HistoryFault if the branch was set back, replaced or deleted, or lacks a file.
        """
        tip = tip_of(self._git, HEADS + self.tag)
        if tip == self.tip:
            return
        commits = new_commits(self._git, self.branch, self.tip, tip)
        start = self.run.start_commit
        self.warnings += refuse_incomplete(
            self._git, self.project, self.branch, commits[-1].id, start
        )
        for commit in commits:
            self._timeline.add_commit_by_hand(self._git, self._files, commit)
        self._by_hand += commits
        self._follow()

    def taken_in(self) -> list[Commit]:
        """Return the commits that `take_in` has read since the last call of this."""
        commits = self._by_hand
        self._by_hand = []
        return commits

    def _commit_note(
        self, message: str, meanwhile: str, tree_of: Callable[[], str] | None = None
    ) -> None:
        """Commit a message to the branch without changing its files.

        meanwhile: as in `_move`. tree_of: returns the tree to commit; it may differ from the tip's
        only in files that no run sees.
        """
        while True:
            sources = self.sources
            tree = tree_of() if tree_of else f"{self.tip}^{{tree}}"
            commit = self._files.commit(tree, [self.tip], message)
            try:
                self._move(commit, (), meanwhile)
            except BranchMoved:
                self.take_in()
                continue
            self._files.remember_sources(commit, sources)
            self._timeline.stand_at(commit)
            return

    def draft_prepare(self, text: str, beside: Mapping[str, str] | None = None) -> str:
        """Write a commit on no branch: the tip with `text` as prepare.py; return its name.

        beside: further files of the same folder, by name.
        """
        assert self.project.prepare, "there is one"
        texts = {self.project.prepare: text}
        for name, other in (beside or {}).items():
            texts[str(PurePosixPath(self.project.prepare).with_name(name))] = other
        tree = self._files.tree_with_files(texts, self.tip)
        return self._files.commit(tree, [self.tip], "draft of other data\n")

    def change_data(self, draft: str, fingerprint: str, reason: str) -> None:
        """Commit the files of `draft`, whose prepare.py makes the data from now on.

        A new baseline follows, since earlier scores do not compare with later ones. Raise
        HistoryFault if the branch has moved.
        """
        sources = self.sources
        message = data_message(fingerprint, reason)
        commit = self._files.commit(f"{draft}^{{tree}}", [self.tip], message)
        self._move(commit, (), "the change of data")
        self._files.remember_sources(commit, sources)
        self._timeline.begin_data(fingerprint, commit)
        self._timeline.stand_at(commit)
        self._follow()

    def _move(self, after: str, also: Sequence[str], meanwhile: str) -> None:
        """Move the branch from the tip to `after`, with the steps `also`, in one transaction.

        meanwhile: what was being recorded, for the message. Raise BranchMoved if somebody moved
        the branch.
        """
        before = self.tip
        reference = HEADS + self.tag
        steps = [f"update {reference} {after} {before}", *also]
        try:
            self._git("update-ref", "--stdin", stdin=transaction(steps))
        except HistoryFault as fault:
            now = tip_of(self._git, reference)
            if now == before:
                raise
            message = (
                f"{self.branch} was moved by someone else during {meanwhile} ({fault.message})"
            )
            raise BranchMoved(message, f"autoresearch resume {self.tag}") from None

    def _follow(self) -> None:
        """Bring the worktree to the tip; add a warning if changes of the user are in the way."""
        self._timeline.trees.append(self._store.tree_of(self.tip))
        try:
            checkout.follow(self.worktree, frozenset(self._timeline.trees), self.tip)
        except HistoryFault as fault:
            message = f"{self.worktree} was not brought to the newest state: {fault.message}"
            self.warnings.append(message)
