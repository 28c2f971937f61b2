"""Git is the database: attempt and verdict commits on a branch of the run's own, and refs for what is in flight."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from agent import checkout
from agent.comparison import Measurement
from agent.errors import HistoryFault
from agent.gitio import Plumbing, scratch_index
from agent.lock import hold, holder
from agent.project import HOME, Project
from agent.records import TAKEN, Attempt, Foreign, Proposal, Result, Trial
from agent.runs import FLIGHTS, HEADS, checked, first_commit, lock_path, tip_of
from agent.settings import RunSettings
from agent.trailers import (
    again_message,
    attempt_message,
    foreign_message,
    is_attempt,
    measured_message,
    read_again,
    read_attempt,
    read_measured,
    read_run,
    read_trial,
    run_message,
    verdict_message,
)

_FORM = "--format=%H %T %P%n%B"
FOREIGN = "foreign.jsonl"


class Commit(NamedTuple):
    """One commit as it is read from a log."""

    id: str
    tree: str
    parents: list[str]
    message: str


class History:
    """One run's branch. Made by create, open or read; a context manager that holds the run's lock (create, open).

    run: what the start was asked for. trials: the ledger, oldest first. measurements: what was measured again afterwards,
    oldest first. tip: the branch's commit. source, program: train.py and program.md at the tip. foreign_commits: commits since
    the last baseline by which a human hand changed what runs.
    warnings: what could not be done for the worktree.
    """

    def __init__(self, project: Project, branch: str, lock: IO[str] | None) -> None:
        self.project, self.branch = project, branch
        self._lock = lock
        self._git = Plumbing(Path(project.root))
        self._sources: dict[str, str] = {}
        self.warnings: list[str] = []
        self._measured: dict[int, Result] = {}
        self._heads: dict[int, str] = {}
        self._read()

    # ------------------------------------------------------------ opening

    @classmethod
    def create(cls, project: Project, run: RunSettings, foreign: Sequence[Foreign] = ()) -> Self:
        """Begin a run: its branch off run.start_commit, with its settings in a first commit. HistoryFault if the tag is taken.

        foreign: trials of other runs; they come along in a commit of their own, the first one's second parent.
        """
        git, reference = Plumbing(Path(project.root)), HEADS + checked(run.tag)
        _exclude(git, Path(project.root))
        lock = _locked(project, run.tag)
        try:
            _refuse_taken(git, run.tag)
            tree = f"{run.start_commit}^{{tree}}"
            parents = ["-p", run.start_commit, *(["-p", _commit_foreign(git, foreign, run.warm)] if foreign else [])]
            first = git("commit-tree", tree, *parents, "-F", "-", stdin=run_message(run).encode()).strip()
            git("update-ref", reference, first, "")
            return cls(project, f"autoresearch/{run.tag}", lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open(cls, project: Project, branch: str) -> Self:
        """Go on with the run TAG, autoresearch/TAG or REMOTE/autoresearch/TAG, which gets a local branch. RunBusy if locked."""
        git, tag = Plumbing(Path(project.root)), _tag_of(branch)
        _exclude(git, Path(project.root))
        lock = _locked(project, tag)
        try:
            if not tip_of(git, HEADS + tag):
                git("update-ref", HEADS + tag, _any_tip(git, branch), "")
            return cls(project, f"autoresearch/{tag}", lock)
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
                checkout.add_worktree(self._git, self.worktree, self.branch)
                self._follow()
            except BaseException:
                self._lock.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
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

    @cached_property
    def foreign(self) -> tuple[Foreign, ...]:
        """The trials of other runs that this one began with. HistoryFault where they cannot be read."""
        if self.run.warm is None:
            return ()
        where = f"{first_commit(self._git, self.tip)}^2:{FOREIGN}"
        try:
            return tuple(Foreign.model_validate_json(line) for line in self._git("cat-file", "blob", where).splitlines())
        except ValueError as error:
            raise HistoryFault(f"the foreign trials in {where} cannot be read: {error}", f"git show {where}") from None

    @property
    def in_flight(self) -> tuple[Attempt, ...]:
        """Attempts without a verdict, by number."""
        return tuple(self._in_flight[number] for number in sorted(self._in_flight))

    def measured(self, attempt: Attempt) -> Result | None:
        """What the runs of an attempt in flight have given so far."""
        return self._measured.get(attempt.number)

    @property
    def next_number(self) -> int:
        """The number of the next attempt."""
        return 1 + max([-1, *self._in_flight, *(trial.number for trial in self._trials)])

    @property
    def source(self) -> str:
        """train.py at the tip."""
        return self.source_at(self.tip)

    @property
    def program(self) -> str:
        """program.md at the tip, or nothing where there is none."""
        return self.file_at(self.tip, self.project.program) if self.project.program else ""

    @property
    def worktree(self) -> Path:
        """Where the branch is checked out."""
        return (self.project.home / "worktrees" / self.run.tag).resolve()

    @property
    def owner(self) -> int | None:
        """The process that works on the run, None where none does."""
        return holder(lock_path(self.project, self.run.tag))

    def source_at(self, commit: str) -> str:
        """train.py at `commit`, every byte of it."""
        if commit not in self._sources:
            self._sources[commit] = self.file_at(commit, self.project.train)
        return self._sources[commit]

    def file_at(self, commit: str, path: str) -> str:
        """A file at `commit`."""
        return self._git("cat-file", "blob", f"{commit}:{path}")

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
        parts = re.split(r"^([0-9a-f]{40,64})\n", text, flags=re.MULTILINE)  # a diff's own lines begin otherwise
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files as of `commit` to `folder`."""
        checkout.export(self._git, commit, self.project.workspace, folder)

    def _read(self) -> None:
        self.tip = _any_tip(self._git, self.branch)
        first = first_commit(self._git, self.tip)
        if not first:
            raise _no_run(self._git, self.branch)
        log = self._git("log", "-z", "--first-parent", "--reverse", _FORM, self.tip, f"^{first}^@", "--")
        start, *commits = _commits(log)
        self.run = read_run(start.id, start.message)
        self._trials: list[Trial] = []
        self.measurements: list[Measurement] = []
        self._reach: dict[str, int] = {start.id: 0}
        self._trees = [start.tree]
        self.foreign_commits: tuple[str, ...] = ()
        read = [(commit, read_trial(commit.id, commit.parents, commit.message)) for commit in commits]
        _refuse_twins(trial for _, trial in read if trial)
        judged = self._trees_of(trial.attempt for _, trial in read if trial and trial.status in TAKEN)
        for commit, trial in read:
            self._take(commit, trial, judged[trial.attempt] if trial and trial.status in TAKEN else self._trees[-1])
        self._in_flight = self._read_in_flight()

    def _take(self, commit: Commit, trial: Trial | None, expected: str) -> None:
        """Add one commit of the branch. `expected`: the tree that it has unless a human hand changed something."""
        if trial:
            self._trials.append(trial)
            if trial.status == "baseline":
                self.foreign_commits = ()
        elif found := read_again(commit.id, commit.message):
            self.measurements.append(found)
        elif len(commit.parents) == 2:
            self._refuse_torn(commit)
        if commit.tree != expected and self._runs_differently(expected, commit.tree):
            self.foreign_commits = (*self.foreign_commits, commit.id)
        self._trees.append(commit.tree)
        self._reach[commit.id] = len(self._trials)

    def _trees_of(self, commits: Iterable[str]) -> dict[str, str]:
        names = list(commits)
        question = "".join(f"{name}^{{tree}}\n" for name in names).encode()
        answers = self._git("cat-file", "--batch-check=%(objectname)", stdin=question).splitlines() if names else []
        return dict(zip(names, answers, strict=True))

    def _refuse_torn(self, merge: Commit) -> None:
        """A merge of an attempt is a verdict, whatever is left of its message."""
        [merged] = _commits(self._git("log", "-z", "-1", _FORM, merge.parents[1], "--"))
        if is_attempt(merged.id, merged.message):
            raise HistoryFault(f"the verdict {merge.id[:12]} has lost its trailers", f"git show {merge.id[:12]}")

    def _runs_differently(self, before: str, after: str) -> bool:
        """True where the trees differ in the workspace, not counting the brief: a new program.md is not a new experiment."""
        listing = self._git("diff-tree", "-r", "-z", "--name-only", before, after, "--", self.project.workspace or ".")
        return bool(set(listing.split("\0")) - {"", self.project.program})

    def _read_in_flight(self) -> dict[int, Attempt]:
        done = {trial.attempt for trial in self._trials}
        listing = self._git("for-each-ref", "--format=%(objectname) %(refname)", f"{FLIGHTS}{self.run.tag}/").splitlines()
        references = [line.split(" ", 1) for line in listing]
        heads = self._log_of(commit for commit, _ in references)
        notes = {head.id: read_measured(head.id, head.message) for head in heads.values()}
        attempt_of = {name: head.parents[0] if notes[name] else name for name, head in heads.items()}
        for commit, reference in references:
            if attempt_of[commit] in done and self._lock:
                self._git("update-ref", "-d", reference, commit)
        flying = {attempt_of[commit]: notes[commit] for commit, _ in references if attempt_of[commit] not in done}
        attempts = [read_attempt(commit.id, commit.parents, commit.message) for commit in self._log_of(flying).values()]
        self._measured = {attempt.number: note for attempt in attempts if (note := flying[attempt.commit])}
        head_of = {attempt_of[name]: name for name in heads}
        self._heads = {attempt.number: head_of[attempt.commit] for attempt in attempts}
        return {attempt.number: attempt for attempt in attempts}

    def _log_of(self, names: Iterable[str]) -> dict[str, Commit]:
        """These commits, read at once."""
        wanted = list(names)
        log = self._git("log", "-z", "--no-walk=unsorted", _FORM, *wanted, "--") if wanted else ""
        return {commit.id: commit for commit in _commits(log)}

    # ------------------------------------------------------------ writing

    def commit_attempt(self, number: int, proposal: Proposal, source: str) -> Attempt:
        """Commit `source` as train.py on the tip, and mark it in flight, before anything runs."""
        attempt = self.draft(number, proposal, source)
        self._git("update-ref", self._flight(number), attempt.commit, "")
        self._in_flight[number], self._heads[number] = attempt, attempt.commit
        return attempt

    def draft(self, number: int, proposal: Proposal, source: str) -> Attempt:
        """Commit `source` as train.py on the tip, for a verdict that follows at once: it never runs, so it is never in flight."""
        tree = self.tree_with(source, self.tip)
        message = attempt_message(number, proposal)
        commit = self._git("commit-tree", tree, "-p", self.tip, "-F", "-", stdin=message.encode()).strip()
        self._sources[commit] = source
        return Attempt(number=number, commit=commit, parent=self.tip, proposal=proposal)

    def note(self, attempt: Attempt, result: Result) -> None:
        """Write down what the runs of `attempt` have given so far, where its flight is marked: a resume goes on from there."""
        message = measured_message(attempt.number, result).encode()
        tree = f"{attempt.commit}^{{tree}}"
        commit = self._git("commit-tree", tree, "-p", attempt.commit, "-F", "-", stdin=message).strip()
        self._git("update-ref", self._flight(attempt.number), commit, self._heads[attempt.number])
        self._heads[attempt.number] = commit
        self._measured[attempt.number] = result

    def commit_verdict(self, attempt: Attempt, trial: Trial) -> Trial:
        """Merge the attempt into the branch, kept or not, and end its flight, at once. HistoryFault if the branch has moved."""
        kept = trial.status in TAKEN
        before, taken = self.tip, attempt.commit if kept else self.tip
        message = verdict_message(trial).encode()
        parents = ("-p", before, "-p", attempt.commit)
        commit = self._git("commit-tree", f"{taken}^{{tree}}", *parents, "-F", "-", stdin=message).strip()
        flies = attempt.number in self._in_flight
        landed = [f"delete {self._flight(attempt.number)} {self._heads[attempt.number]}"] if flies else []
        self._move(before, commit, landed, f"the trial #{attempt.number}")
        self._sources[commit] = self.source_at(taken)
        self.tip = commit
        if trial.status == "baseline":
            self.foreign_commits = ()
        self._in_flight.pop(attempt.number, None)
        self._measured.pop(attempt.number, None)
        self._heads.pop(attempt.number, None)
        recorded = trial.model_copy(update={"attempt": attempt.commit, "verdict": commit})
        self._trials.append(recorded)
        self._reach[commit] = len(self._trials)
        if kept:
            self._follow()
        return recorded

    def measured_again(self, found: Measurement) -> None:
        """Commit what was found to the branch, on which it changes nothing. HistoryFault if the branch has moved."""
        before, message = self.tip, again_message(found).encode()
        commit = self._git("commit-tree", f"{before}^{{tree}}", "-p", before, "-F", "-", stdin=message).strip()
        self._move(before, commit, (), found.kind)
        self._sources[commit] = self.source_at(before)
        self.tip = commit
        self._reach[commit] = len(self._trials)
        self.measurements.append(found)

    def _move(self, before: str, after: str, also: Sequence[str], meanwhile: str) -> None:
        """Move the branch, and make the steps `also`, in one transaction. meanwhile: what was under way."""
        reference = HEADS + self.run.tag
        steps = [f"update {reference} {after} {before}", *also]
        try:
            self._git("update-ref", "--stdin", stdin="\n".join(["start", *steps, "commit", ""]).encode())
        except HistoryFault as fault:
            now = tip_of(self._git, reference)
            if now == before:
                raise
            if now is None:
                message = f"{self.branch} was deleted during {meanwhile}"
                raise HistoryFault(message, f"git update-ref {reference} {before}   # brings it back, to resume") from None
            message = f"{self.branch} was moved by someone else during {meanwhile} ({fault.message})"
            raise HistoryFault(message, f"autoresearch resume {self.run.tag}") from None

    def tree_with(self, source: str, base: str) -> str:
        """The tree of the commit `base` with `source` as train.py."""
        if source == self.source_at(base):
            return f"{base}^{{tree}}"
        data = source.encode("utf-8", "surrogateescape")
        blob = self._git("hash-object", "-w", "--no-filters", "--stdin", stdin=data).strip()
        mode = self._git("ls-tree", base, "--", self.project.train).split(" ", 1)[0]
        with scratch_index(self.project.home) as index:
            self._git("read-tree", base, index=index)
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{self.project.train}", index=index)
            return self._git("write-tree", index=index).strip()

    def _flight(self, number: int) -> str:
        return f"{FLIGHTS}{self.run.tag}/{number}"

    def _follow(self) -> None:
        """Bring the worktree to the tip; what the user changed in it is left alone, and said."""
        self._trees.append(self._git("rev-parse", f"{self.tip}^{{tree}}").strip())
        try:
            checkout.follow(self.worktree, frozenset(self._trees), self.tip)
        except HistoryFault as fault:
            self.warnings.append(f"{self.worktree} was not brought to the newest state: {fault.message}")


def _commit_foreign(git: Plumbing, foreign: Sequence[Foreign], source: str | None) -> str:
    """A commit without parents that holds trials of other runs: reachable from the branch, and in no tree that is trained."""
    lines = "".join(f"{trial.model_dump_json()}\n" for trial in foreign)
    blob = git("hash-object", "-w", "--no-filters", "--stdin", stdin=lines.encode()).strip()
    tree = git("mktree", stdin=f"100644 blob {blob}\t{FOREIGN}\n".encode()).strip()
    return git("commit-tree", tree, "-F", "-", stdin=foreign_message(len(foreign), source or "").encode()).strip()


def _tag_of(branch: str) -> str:
    return checked(branch.rpartition("autoresearch/")[2])


def _any_tip(git: Plumbing, branch: str) -> str:
    """The commit of TAG, autoresearch/TAG or REMOTE/autoresearch/TAG; of a remote's branch where there is no local one."""
    tag = _tag_of(branch)
    asked = [f"refs/remotes/{branch}"] if "/autoresearch/" in branch else []
    remotes = git("for-each-ref", "--format=%(refname)", "refs/remotes").splitlines()
    others = [name for name in remotes if re.fullmatch(rf"refs/remotes/.+/autoresearch/{re.escape(tag)}", name)]
    tip = next((tip for name in (*asked, HEADS + tag, *others) if (tip := tip_of(git, name))), None)
    if tip is None:
        raise HistoryFault(f"there is no run {tag} here", "autoresearch log   # or git fetch")
    return tip


def _no_run(git: Plumbing, branch: str) -> HistoryFault:
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        return HistoryFault(f"this clone is too shallow to hold the beginning of {branch}", "git fetch --unshallow")
    return HistoryFault(f"{branch} is not the branch of a run", "autoresearch start")


def _refuse_taken(git: Plumbing, tag: str) -> None:
    if tip_of(git, HEADS + tag):
        raise HistoryFault(f"there is a run {tag} already", f"autoresearch resume {tag}   # or start --tag OTHER")
    if git("for-each-ref", "--count=1", f"{FLIGHTS}{tag}/"):
        message = f"attempts of an earlier run {tag}, whose branch is gone, are still in flight"
        raise HistoryFault(message, f"autoresearch start --tag OTHER   # git for-each-ref {FLIGHTS}{tag} lists them")
    if tip_of(git, HEADS.rstrip("/")):
        raise HistoryFault(
            "a branch called autoresearch stands in the way of autoresearch/TAG", "git branch -m autoresearch OTHER"
        )


def _refuse_twins(trials: Iterable[Trial]) -> None:
    seen: set[int] = set()
    for trial in trials:
        if trial.number in seen:
            raise HistoryFault(f"{trial.verdict[:12]} is a second verdict on #{trial.number}", f"git show {trial.verdict[:12]}")
        seen.add(trial.number)


def _commits(log: str) -> list[Commit]:
    """The entries of `git log -z` in _FORM."""
    entries = []
    for entry in log.split("\0"):
        if entry.strip():
            head, _, message = entry.partition("\n")
            commit, tree, *parents = head.split()
            entries.append(Commit(commit, tree, parents, message))
    return entries


def _exclude(git: Plumbing, root: Path) -> None:
    """Keep .autoresearch/ out of the user's `git status`, through a file that is not theirs to commit."""
    path = root / git("rev-parse", "--git-path", "info/exclude").rstrip("\n")
    line = f"/{HOME}/"
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        if line not in text.splitlines():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")
    except OSError as error:
        raise HistoryFault(f"cannot write {path}: {error}", f"ls -l '{path}'") from None


def _locked(project: Project, tag: str) -> IO[str]:
    return hold(lock_path(project, tag), f"the run {tag}")
