"""Any order of commits, deaths, forks, renames, resets, merges and clones of a run's branch.

Whatever was done, afterwards each number has one verdict, each attempt is judged once, no result
belongs to another trial, and every command that reads the branch answers.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import Fault
from agent.git.conversation import Conversation
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.records.results import Attempt, Result, Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from tests.agent.study import make_repository, project_of, proposal, settings_of, settle
from tests.e2e.researcher import fsck, git

NAMES = st.sampled_from(["a", "b", "c"])
SMALL = st.integers(0, 30)


class Died(BaseException):
    """Stands for kill -9: nothing in the harness catches it."""


@contextmanager
def dying(call: int | None) -> Iterator[None]:
    """The process dies right after its n-th git command from here; never where `call` is None.

    Questions to commands that stay count, too.
    """
    calls = [0]

    def mortal(real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            out = real(*arguments, **options)
            calls[0] += 1
            if call is not None and calls[0] > call:
                raise Died
            return out

        return step

    with (
        patch.object(Plumbing, "bytes", mortal(Plumbing.bytes)),
        patch.object(Conversation, "ask", mortal(Conversation.ask)),
    ):
        yield


def scored(lr: float) -> Result:
    """The score is the learning rate, so that a result tells whose it is."""
    return Result(status="scored", scores=(Score(value=100 - lr, seed=0, kind="self-reported"),))


class Branches(RuleBasedStateMachine):
    """Two clones with up to three runs each, and whoever works on them."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="branches-"))
        self.here = self.top / "one"
        self.count = 0

    def teardown(self) -> None:
        shutil.rmtree(self.top, ignore_errors=True)

    # ------------------------------------------------------------ what there is

    def branches(self) -> list[str]:
        names = git(
            self.here, "for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/autoresearch"
        ).split()
        return sorted(names)

    def pick(self, number: int) -> str:
        names = self.branches()
        return names[number % len(names)]

    def worktree(self, name: str) -> Path | None:
        listing = git(self.here, "worktree", "list", "--porcelain").split("\n\n")
        for block in listing:
            lines = block.splitlines()
            if f"branch refs/heads/autoresearch/{name}" in lines and Path(lines[0][9:]).exists():
                return Path(lines[0][9:])
        return None

    def move(self, name: str, commit: str) -> None:
        """As `git reset --hard` in the worktree, or `git branch -f` where there is none."""
        worktree = self.worktree(name)
        if worktree:
            git(worktree, "reset", "-q", "--hard", commit)
        else:
            git(self.here, "update-ref", f"refs/heads/autoresearch/{name}", commit)

    # ------------------------------------------------------------ the harness

    @initialize()
    def begin(self) -> None:
        make_repository(self.here)
        project = project_of(self.here)
        with History.create(project, settings_of(project, tag="a", baseline_repeats=1)) as history:
            ledger = Ledger(history, read_space)
            settle(ledger, ledger.begin_baseline(), scored(0.1))

    @rule(
        which=SMALL,
        trials=st.integers(1, 3),
        death=st.none() | st.integers(0, 60),
        left=st.booleans(),
    )
    def work(self, which: int, trials: int, death: int | None, left: bool) -> None:
        """Work on a run; be killed between two git commands, or stopped in the middle of one."""
        if not self.branches():
            return
        try:
            with dying(death), History.open(project_of(self.here), self.pick(which)) as history:
                self.session(history, trials, left)
        except Died:
            return
        except Fault as fault:
            assert fault.next_command

    def session(self, history: History, trials: int, left: bool) -> None:
        ledger = Ledger(history, read_space)
        if ledger.needs_baseline:
            attempt = ledger.begin_baseline()
            settle(ledger, attempt, scored(self.lr_of(history, attempt)))
        for attempt in history.in_flight:
            settle(ledger, attempt, scored(self.lr_of(history, attempt)))
        for number in range(trials):
            self.count += 1
            made = ledger.begin(proposal(LR=round(0.1 + self.count * 1e-4, 6)))
            if isinstance(made, Trial):
                continue
            if left and number == trials - 1:
                history.note(made, scored(self.lr_of(history, made)))
                return
            settle(ledger, made, scored(self.lr_of(history, made)))

    @staticmethod
    def lr_of(history: History, attempt: Attempt) -> float:
        return float(read_constants(history.sources_at(attempt.commit).text)["LR"])

    # ------------------------------------------------------------ other hands

    @rule(which=SMALL, name=NAMES)
    def fork(self, which: int, name: str) -> None:
        if self.branches() and name not in self.branches():
            git(self.here, "branch", f"autoresearch/{name}", f"autoresearch/{self.pick(which)}")

    @rule(which=SMALL, name=NAMES)
    def rename(self, which: int, name: str) -> None:
        if self.branches() and name not in self.branches():
            git(
                self.here,
                "branch",
                "-m",
                f"autoresearch/{self.pick(which)}",
                f"autoresearch/{name}",
            )

    @rule(which=SMALL, back=st.integers(1, 4))
    def rewind(self, which: int, back: int) -> None:
        if not self.branches():
            return
        name = self.pick(which)
        chain = git(self.here, "rev-list", "--first-parent", f"main..autoresearch/{name}").split()
        if len(chain) > back:
            self.move(name, chain[back])

    @rule(which=SMALL, depth=st.integers(1, 16))
    def edit_by_hand(self, which: int, depth: int) -> None:
        worktree = self.worktree(self.pick(which)) if self.branches() else None
        if worktree:
            text = (worktree / "train.py").read_text()
            (worktree / "train.py").write_text(f"{text.rstrip()}\nDEPTH = {depth}\n")
            git(worktree, "commit", "-q", "-a", "--allow-empty", "-m", "by hand")

    @rule(which=SMALL)
    def amend(self, which: int) -> None:
        worktree = self.worktree(self.pick(which)) if self.branches() else None
        if worktree:
            git(worktree, "commit", "-q", "--amend", "--no-edit", "--allow-empty")

    @rule(which=SMALL, other=SMALL)
    def merge(self, which: int, other: int) -> None:
        worktree = self.worktree(self.pick(which)) if self.branches() else None
        if worktree:
            git(
                worktree,
                "merge",
                "-q",
                "-s",
                "ours",
                "--no-edit",
                f"autoresearch/{self.pick(other)}",
            )

    @rule(which=SMALL, other=SMALL)
    def fast_forward(self, which: int, other: int) -> None:
        if not self.branches():
            return
        name, target = self.pick(which), self.pick(other)
        ahead = git(self.here, "rev-list", "--count", f"autoresearch/{target}..autoresearch/{name}")
        if ahead == "0":
            self.move(name, git(self.here, "rev-parse", f"autoresearch/{target}"))

    @rule(which=SMALL)
    @precondition(lambda self: len(self.branches()) > 1)
    def delete(self, which: int) -> None:
        git(self.here, "update-ref", "-d", f"refs/heads/autoresearch/{self.pick(which)}")

    @rule(which=SMALL)
    def delete_a_flight(self, which: int) -> None:
        names = git(self.here, "for-each-ref", "--format=%(refname)", "refs/autoresearch").split()
        if names:
            git(self.here, "update-ref", "-d", names[which % len(names)])

    @rule(which=SMALL)
    def lose_the_worktree(self, which: int) -> None:
        worktree = self.worktree(self.pick(which)) if self.branches() else None
        if worktree:
            shutil.rmtree(worktree)

    @rule(which=SMALL)
    def second_verdict(self, which: int) -> None:
        """Judge the attempt in flight under a number with a verdict, as an older version did."""
        if not self.branches():
            return
        name = self.pick(which)
        try:
            history = History.read(project_of(self.here), name)
        except Fault:
            return
        if not history.in_flight or not history.trials:
            return
        message = git(self.here, "show", "-s", "--format=%B", history.trials[-1].verdict)
        options = ["-p", history.tip, "-p", history.in_flight[0].commit, "-m", message]
        self.move(name, git(self.here, "commit-tree", f"{history.tip}^{{tree}}", *options))

    @rule()
    def swap_clones(self) -> None:
        """Go on in the other clone, which takes what this one has and fast-forwards."""
        other = self.top / ("two" if self.here.name == "one" else "one")
        if not other.exists():
            git(self.top, "clone", "-q", str(self.here), str(other))
            git(other, "switch", "-q", "main")
        git(
            other,
            "fetch",
            "-q",
            "--force",
            str(self.here),
            "+refs/heads/autoresearch/*:refs/remotes/peer/autoresearch/*",
        )
        self.here = other
        for name in self.branches():
            theirs = f"refs/remotes/peer/autoresearch/{name}"
            known = git(other, "for-each-ref", theirs)
            if known and git(other, "rev-list", "--count", f"{theirs}..autoresearch/{name}") == "0":
                self.move(name, git(other, "rev-parse", theirs))

    # ------------------------------------------------------------ what must hold

    @invariant()
    def each_run_is_whole_or_names_the_next_command(self) -> None:
        if not self.here.exists():
            return
        for name in self.branches():
            try:
                history = History.read(project_of(self.here), name)
            except Fault as fault:
                assert fault.next_command
                continue
            assert history.tag == name
            self.check(history)

    @staticmethod
    def check(history: History) -> None:
        numbers = [trial.number for trial in history.trials]
        assert len(set(numbers)) == len(numbers), "a number has one verdict"
        judged = [trial.attempt for trial in history.trials]
        assert len(set(judged)) == len(judged), "an attempt has one verdict"
        assert not set(judged) & {attempt.commit for attempt in history.in_flight}
        for trial in history.trials:
            if trial.result and trial.status != "baseline":
                lr = float(read_constants(history.sources_at(trial.attempt).text)["LR"])
                assert trial.result.scores[0].value == 100 - lr, "a result belongs to its own trial"

    @rule(which=SMALL)
    def resume_puts_everything_in_its_place(self, which: int) -> None:
        if not self.branches():
            return
        name = self.pick(which)
        try:
            with History.open(project_of(self.here), name) as history:
                flying = {attempt.proposal for attempt in history.in_flight}
                self.session(history, 1, left=False)
                assert history.in_flight == ()
                assert flying <= {trial.proposal for trial in history.trials}
                self.check(history)
                assert History.read(project_of(self.here), name).trials == history.trials
        except Fault as fault:
            assert fault.next_command
        fsck(self.here)

    @rule(
        words=st.sampled_from(
            [("log",), ("status",), ("status", "--json"), ("export",), ("show", "1"), ("diff", "1")]
        )
    )
    def read(self, words: tuple[str, ...]) -> None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.chdir(self.here)
            error = CliRunner().invoke(app, words).exception
            assert error is None or isinstance(error, (Fault, SystemExit)), repr(error)


def machine(examples: int, steps: int) -> Callable[[], None]:
    """The machine as a test of its own."""

    class Sized(Branches):
        pass

    case = Sized.TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
        print_blob=True,
    )
    return case("runTest").runTest


def test_a_few_steps_of_everybody() -> None:
    machine(2, 8)()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_steps_of_everybody() -> None:
    machine(100, 30)()
