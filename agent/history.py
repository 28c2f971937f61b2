"""Git is the database: attempt and verdict commits on a branch of the run's own, and refs for what is in flight."""

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from agent.errors import HistoryFault, UsageFault
from agent.gitio import Plumbing
from agent.lock import hold, holder
from agent.project import Project
from agent.records import Attempt, Proposal, Trial
from agent.settings import RunSettings
from agent.trailers import RUN, attempt_message, read_attempt, read_run, read_trial, run_message, verdict_message
from sandbox.record import Record

HOME = ".autoresearch"
_HEADS = "refs/heads/autoresearch/"


class RunSummary(Record):
    """One run that the repository knows. branch: a remote-tracking one where there is no local one. at: of its newest commit."""

    tag: str
    branch: str
    commit: str
    at: str
    pid: int | None
    """The process that works on it now."""


class History:
    """One run's branch. Made by create, open or read; a context manager that holds the run's lock (create, open).

    run: what the start was asked for. trials: the ledger, oldest first. tip: the branch's commit. source, program: train.py
    and program.md at the tip. foreign_commits: commits by a human hand since the last verdict.
    """

    def __init__(self, project: Project, branch: str, lock: IO[str] | None) -> None:
        self.project, self.branch = project, branch
        self._lock = lock
        self._git = Plumbing(Path(project.root))
        self._home = Path(project.root) / HOME
        self._sources: dict[str, str] = {}
        self.warnings: list[str] = []
        self._read()

    # ------------------------------------------------------------ opening

    @classmethod
    def create(cls, project: Project, run: RunSettings) -> Self:
        """Begin a run: its branch off run.start_commit, with its settings in a first commit. HistoryFault if the tag is taken."""
        plumbing, reference = Plumbing(Path(project.root)), _HEADS + _checked(run.tag)
        _exclude(plumbing, Path(project.root))
        lock = _locked(project, run.tag)
        try:
            if _tip(plumbing, reference):
                raise HistoryFault(f"there is a run {run.tag} already", f"autoresearch resume {run.tag}   # or start --tag OTHER")
            tree = f"{run.start_commit}^{{tree}}"
            first = plumbing("commit-tree", tree, "-p", run.start_commit, "-F", "-", stdin=run_message(run).encode()).strip()
            plumbing("update-ref", reference, first, "")
            return cls(project, f"autoresearch/{run.tag}", lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open(cls, project: Project, branch: str) -> Self:
        """Go on with the run TAG, autoresearch/TAG or REMOTE/autoresearch/TAG, which gets a local branch. RunBusy if locked."""
        plumbing = Plumbing(Path(project.root))
        tag = _tag_of(branch)
        _exclude(plumbing, Path(project.root))
        lock = _locked(project, tag)
        try:
            if not _tip(plumbing, _HEADS + tag):
                plumbing("update-ref", _HEADS + tag, _remote_tip(plumbing, tag), "")
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
            self._add_worktree()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._lock:
            self._lock.close()

    # ------------------------------------------------------------ reading

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The ledger, oldest first."""
        return tuple(self._trials)

    @property
    def in_flight(self) -> tuple[Attempt, ...]:
        """Attempts without a verdict, by number."""
        return tuple(self._in_flight[number] for number in sorted(self._in_flight))

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
        return self._home / "worktrees" / self.run.tag

    @property
    def owner(self) -> int | None:
        """The process that works on the run, None where none does."""
        return holder(_lock_path(self.project, self.run.tag))

    def source_at(self, commit: str) -> str:
        """train.py at `commit`, every byte of it."""
        if commit not in self._sources:
            self._sources[commit] = self.file_at(commit, self.project.train)
        return self._sources[commit]

    def file_at(self, commit: str, path: str) -> str:
        """A file at `commit`."""
        return self._git("cat-file", "blob", f"{commit}:{path}")

    def diff(self, before: str, after: str) -> str:
        """The workspace's unified diff between two commits."""
        return self._git("diff", "--no-color", "--no-ext-diff", before, after, "--", self.project.workspace or ".")

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files as of `commit` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        index = folder.parent / f"{folder.name}.index"
        try:
            self._git("read-tree", f"{commit}:{self.project.workspace}", index=index)
            self._git("checkout-index", "--all", "--force", f"--prefix={folder}{os.sep}", index=index)
        finally:
            index.unlink(missing_ok=True)

    def _read(self) -> None:
        reference = self.branch if self.branch.startswith("refs/") else f"refs/heads/{self.branch}"
        tip = (
            _tip(self._git, reference)
            or _tip(self._git, f"refs/remotes/{self.branch}")
            or _remote_tip(self._git, _tag_of(self.branch))
        )
        self.tip = tip
        first = self._git("log", "-1", "--first-parent", "--format=%H", f"--grep=^{RUN}: ", tip, "--").strip()
        if not first:
            raise HistoryFault(f"{self.branch} is not the branch of a run", "autoresearch log")
        commits = _commits(self._git("log", "-z", "--first-parent", "--reverse", "--format=%H %P%n%B", tip, f"^{first}^@", "--"))
        self.run = read_run(first, commits[0][2])
        self._trials: list[Trial] = []
        self.foreign_commits: tuple[str, ...] = ()
        for commit, parents, message in commits[1:]:
            trial = read_trial(commit, parents, message)
            if trial:
                self._trials.append(trial)
                self.foreign_commits = ()
            else:
                self.foreign_commits = (*self.foreign_commits, commit)
        self._in_flight = self._read_in_flight()

    def _read_in_flight(self) -> dict[int, Attempt]:
        prefix = f"refs/autoresearch/{self.run.tag}/"
        done = {trial.attempt for trial in self._trials}
        flying = {}
        for line in self._git("for-each-ref", "--format=%(objectname) %(refname)", prefix).splitlines():
            commit, reference = line.split(" ", 1)
            if commit in done:
                if self._lock:
                    self._git("update-ref", "-d", reference, commit)
                continue
            [(_, parents, message)] = _commits(self._git("log", "-z", "-1", "--format=%H %P%n%B", commit))
            attempt = read_attempt(commit, parents[0], message)
            flying[attempt.number] = attempt
        return flying

    # ------------------------------------------------------------ writing

    def commit_attempt(self, number: int, proposal: Proposal, source: str) -> Attempt:
        """Commit `source` as train.py on the tip, and mark it in flight, before anything runs."""
        tree = self._tree(source)
        message = attempt_message(number, proposal)
        commit = self._git("commit-tree", tree, "-p", self.tip, "-F", "-", stdin=message.encode()).strip()
        self._git("update-ref", self._flight(number), commit, "")
        attempt = Attempt(number=number, commit=commit, parent=self.tip, proposal=proposal)
        self._sources[commit] = source
        self._in_flight[number] = attempt
        return attempt

    def commit_verdict(self, attempt: Attempt, trial: Trial) -> Trial:
        """Merge the attempt into the branch, kept or not, and end its flight, at once. HistoryFault if the branch has moved."""
        kept = trial.status == "keep"
        before, tree = self.tip, f"{attempt.commit if kept else self.tip}^{{tree}}"
        message = verdict_message(trial).encode()
        commit = self._git("commit-tree", tree, "-p", before, "-p", attempt.commit, "-F", "-", stdin=message).strip()
        reference = f"refs/heads/{self.branch}"
        transaction = (
            f"start\nupdate {reference} {commit} {before}\ndelete {self._flight(attempt.number)} {attempt.commit}\ncommit\n"
        )
        try:
            self._git("update-ref", "--stdin", stdin=transaction.encode())
        except HistoryFault as fault:
            if _tip(self._git, reference) == before:
                raise
            message_ = f"{self.branch} was moved by someone else while #{trial.number} trained ({fault.message})"
            raise HistoryFault(message_, f"autoresearch resume {self.run.tag}") from None
        self._sources[commit] = self._sources.get(attempt.commit if kept else before) or self.source_at(commit)
        self.tip = commit
        self.foreign_commits = ()
        self._in_flight.pop(attempt.number, None)
        recorded = trial.model_copy(update={"attempt": attempt.commit, "verdict": commit})
        self._trials.append(recorded)
        if kept:
            self._follow(before, commit)
        return recorded

    def _tree(self, source: str) -> str:
        """The tip's tree with `source` as train.py."""
        if source == self.source:
            return f"{self.tip}^{{tree}}"
        data = source.encode("utf-8", "surrogateescape")
        blob = self._git("hash-object", "-w", "--no-filters", "--stdin", stdin=data).strip()
        mode = self._git("ls-tree", self.tip, "--", self.project.train).split(" ", 1)[0]
        index = self._home / f"index-{os.getpid()}"
        try:
            self._git("read-tree", self.tip, index=index)
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{self.project.train}", index=index)
            return self._git("write-tree", index=index).strip()
        finally:
            index.unlink(missing_ok=True)

    def _flight(self, number: int) -> str:
        return f"refs/autoresearch/{self.run.tag}/{number}"

    # ------------------------------------------------------------ the worktree

    def _add_worktree(self) -> None:
        """Check the branch out in a worktree of its own, where it is not yet."""
        if (self.worktree / ".git").exists():
            return
        shutil.rmtree(self.worktree, ignore_errors=True)
        self._git("worktree", "prune")
        self._git("worktree", "add", "--force", str(self.worktree), self.branch)

    def _follow(self, before: str, after: str) -> None:
        """Bring the worktree to the new tip; what the user changed in it is left alone, and said."""
        try:
            Plumbing(self.worktree)("read-tree", "-m", "-u", before, after)
        except HistoryFault as fault:
            self.warnings.append(f"{self.worktree} has changes of yours and was not updated: {fault.message}")


def list_runs(project: Project) -> tuple[RunSummary, ...]:
    """The runs of the repository, newest first; a remote-tracking branch counts where there is no local one."""
    plumbing = Plumbing(Path(project.root))
    form = "%(objectname) %(committerdate:unix) %(refname)"
    lines = plumbing(
        "for-each-ref", "--sort=-committerdate", f"--format={form}", "refs/heads/autoresearch", "refs/remotes"
    ).splitlines()
    runs: dict[str, RunSummary] = {}
    for line in lines:
        commit, stamp, reference = line.split(" ", 2)
        match = re.fullmatch(r"refs/(?:heads|remotes)/((?:[^/]+/)?autoresearch/([^/]+))", reference)
        if match and (match[2] not in runs or reference.startswith("refs/heads/")):
            at = datetime.fromtimestamp(int(stamp), UTC).isoformat()
            pid = holder(_lock_path(project, match[2]))
            runs[match[2]] = RunSummary(tag=match[2], branch=match[1], commit=commit, at=at, pid=pid)
    return tuple(sorted(runs.values(), key=lambda run: run.at, reverse=True))


def newest(project: Project) -> str:
    """The branch of the run that was worked on last; HistoryFault if there is none."""
    runs = list_runs(project)
    if not runs:
        raise HistoryFault("there is no run here yet", "autoresearch start")
    return runs[0].branch


def next_tag(project: Project) -> str:
    """A free tag for today: nov24, nov24-2, …"""
    today = datetime.now().astimezone().strftime("%b%d").lower()
    taken = {run.tag for run in list_runs(project)}
    return next(tag for tag in (today, *(f"{today}-{n}" for n in range(2, 10**6))) if tag not in taken)


def head_of(project: Project) -> str:
    """The commit that a run starts from; HistoryFault where the files in the checkout are not those of the commit."""
    plumbing = Plumbing(Path(project.root))
    head = plumbing.try_("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not head:
        raise HistoryFault("the repository has no commit yet", "git add . && git commit -m 'Start'")
    paths = [path for path in (project.train, project.prepare, project.program) if path]
    dirty = plumbing("status", "--porcelain", "--ignored", "--", *paths).strip()
    if dirty:
        message = f"what would run is not what you see: these files differ from the commit HEAD:\n{dirty}"
        raise HistoryFault(message, "git add " + " ".join(f"'{path}'" for path in paths) + " && git commit")
    return head


def _checked(tag: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", tag) or ".." in tag or tag.endswith((".", ".lock")):
        raise UsageFault(f"not a tag: {tag!r} (letters, digits, dots, dashes and underscores)", "autoresearch start --tag night1")
    return tag


def _tag_of(branch: str) -> str:
    return _checked(branch.rpartition("autoresearch/")[2])


def _tip(plumbing: Plumbing, reference: str) -> str | None:
    return plumbing.try_("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")


def _remote_tip(plumbing: Plumbing, tag: str) -> str:
    for reference in plumbing("for-each-ref", "--format=%(refname)", "refs/remotes").splitlines():
        if reference.endswith(f"/autoresearch/{tag}") and (tip := _tip(plumbing, reference)):
            return tip
    raise HistoryFault(f"there is no run {tag} here", "autoresearch log   # or git fetch")


def _commits(log: str) -> list[tuple[str, list[str], str]]:
    """(commit, parents, message) of each entry of `git log -z --format='%H %P%n%B'`."""
    entries = []
    for entry in log.split("\0"):
        if entry.strip():
            head, _, message = entry.partition("\n")
            commit, *parents = head.split()
            entries.append((commit, parents, message))
    return entries


def _exclude(plumbing: Plumbing, root: Path) -> None:
    """Keep .autoresearch/ out of the user's `git status`, through a file that is not theirs to commit."""
    path = root / plumbing("rev-parse", "--git-path", "info/exclude").rstrip("\n")
    line = f"/{HOME}/"
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        if line not in text.splitlines():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")
    except OSError as error:
        raise HistoryFault(f"cannot write {path}: {error}", f"ls -l '{path}'") from None


def _lock_path(project: Project, tag: str) -> Path:
    return Path(project.root) / HOME / "runs" / tag / "lock"


def _locked(project: Project, tag: str) -> IO[str]:
    return hold(_lock_path(project, tag), f"the run {tag}")
