"""A death between any two git commands costs nothing, and git is asked seldom."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.conversation import Conversation
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from tests.agent.history.nights import reopened, scored
from tests.agent.study import (
    make_repository,
    project_of,
    proposal,
    settings_of,
    settle,
    study,
)
from tests.e2e.researcher import fsck, git


class Died(BaseException):
    """Stands for kill -9: nothing in the harness catches it."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, call: int, after: bool) -> Iterator[list[str]]:
    """The process dies before, or right after, its n-th git command or question to one that stays.

    Give the commands that were started.
    """
    calls = itertools.count()
    seen: list[str] = []

    def mortal(real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            turn = next(calls)
            if turn == call and not after:
                raise Died
            out = real(*arguments, **options)
            if real is command:
                seen.append(str(arguments[1]))
            if turn == call:
                raise Died
            return out

        return step

    command = Plumbing.bytes
    with monkeypatch.context() as patch:
        patch.setattr(Plumbing, "bytes", mortal(command))
        patch.setattr(Conversation, "ask", mortal(Conversation.ask))
        yield seen


@pytest.mark.parametrize(
    "after",
    [pytest.param(False, id="before", marks=pytest.mark.slow), pytest.param(True, id="after")],
)
def test_a_death_between_any_two_git_commands_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Each round keeps a trial, discards another, and dies one command later than before."""
    make_repository(tmp_path)
    project = project_of(tmp_path)
    with History.create(project, settings_of(project)) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(100.0))
    survived = False
    for call in range(60):
        before = reopened(tmp_path)
        try:
            with History.open(project, "t") as history, dying(monkeypatch, call, after):
                work(history, call)
                survived = True
        except Died:
            pass
        after_death = reopened(tmp_path)
        assert after_death.trials[: len(before.trials)] == before.trials, "what was recorded stays"
        with History.open(project, "t") as history:
            finish(history)
            assert history.warnings == []
            assert (history.worktree / "train.py").read_text() == history.sources.text, (
                "the worktree has caught up"
            )
        check_whole(tmp_path)
        if survived:
            break
    assert survived, "the loop ends where no command is left to die in"
    assert call > 20
    assert git(tmp_path, "status", "--porcelain") == ""
    fsck(tmp_path)


def work(history: History, round_: int) -> None:
    """A kept trial, a discarded and a refused one."""
    ledger = Ledger(history, read_space)
    best = min(trial.value for trial in history.trials if trial.value)
    for n, value in ((1, best - 1), (2, best)):
        attempt = ledger.begin(
            proposal(LR=round((10 * round_ + n) * 1e-4, 6), hypothesis=f"{round_}.{n}")
        )
        assert not isinstance(attempt, Trial)
        settle(ledger, attempt, scored(value))
    refused = ledger.admit(proposal(NOPE=1))
    assert not isinstance(refused, str)
    ledger.refuse(proposal(NOPE=1), refused)


def finish(history: History) -> None:
    """What a resume does with attempts in flight."""
    ledger = Ledger(history, read_space)
    for attempt in history.in_flight:
        settle(ledger, attempt, scored(200.0))


def check_whole(folder: Path) -> None:
    """Assert that every attempt is there once, with the constants of its own proposal."""
    history = reopened(folder)
    assert [trial.number for trial in history.trials] == list(range(len(history.trials)))
    assert len({trial.attempt for trial in history.trials}) == len(history.trials)
    assert history.in_flight == ()
    assert list(folder.rglob("autoresearch-index-*")) == []
    for trial in history.trials[1:]:
        if trial.status != "refused":
            wanted = trial.proposal.edits[0].value  # type: ignore[union-attr]
            assert trial.configuration["LR"] == float(wanted)
            assert read_constants(history.sources_at(trial.attempt).text)["LR"] == float(wanted)


@pytest.mark.parametrize("part", ["", "^{tree}", ":train.py"])
def test_no_verdict_leads_to_an_attempt_that_git_has_thrown_away(tmp_path: Path, part: str) -> None:
    """As `git gc --prune=now` does to what is written while it looks."""
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(100.0))
        attempt = ledger.begin(proposal(LR=0.3))
        assert not isinstance(attempt, Trial)
        name = git(tmp_path, "rev-parse", attempt.commit + part)
        (tmp_path / ".git/objects" / name[:2] / name[2:]).unlink()
        with pytest.raises(HistoryFault, match="t/1 is gone from the repository") as gone:
            settle(ledger, attempt, scored(1.0))
    with pytest.raises(HistoryFault, match="t/1 is gone from the repository"):
        History.open(project_of(tmp_path), "t")
    subprocess.run(gone.value.next_command, shell=True, cwd=tmp_path, check=True)
    with History.open(project_of(tmp_path), "t") as history:
        assert [trial.status for trial in history.trials] == ["baseline"]
        work(history, 0)
    fsck(tmp_path)


# ---------------------------------------------------------------- speed


def test_git_is_asked_as_often_for_the_last_verdict_as_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        ledger.context(())  # what a proposal sees of the tip is read once, and kept
        counts = []
        for n in range(1, 31):
            with dying(monkeypatch, -1, False) as calls:
                attempt = ledger.begin(proposal(LR=n / 1000))
                settle(ledger, attempt, scored(1.0))  # type: ignore[arg-type]
            counts.append(len(calls))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 1, "the branch moves; all else is asked of commands that stay"


def test_a_thousand_trials_are_read_with_a_handful_of_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        settle(ledger, ledger.begin(proposal(LR=0.3)), scored(0.5))  # type: ignore[arg-type]
    copies = import_trials(tmp_path, 1000)
    with dying(monkeypatch, -1, False) as calls:
        again = reopened(tmp_path)
    assert len(again.trials) == copies
    assert len(calls) <= 10, calls


def import_trials(folder: Path, count: int) -> int:
    """Append verdicts by one fast-import, each a copy of trial 1 under its own number."""
    tip = git(folder, "rev-parse", "autoresearch/t")
    _, attempt = git(folder, "show", "-s", "--format=%P", tip).split()
    text = git(folder, "show", "-s", "--format=%B", tip)
    stream = []
    for number in range(2, count):
        message = text.replace('"number": 1,', f'"number": {number},').encode()
        head = "commit refs/heads/autoresearch/t\ncommitter a <a@a> 1700000000 +0000\n"
        parent = f"from {tip}\n" if number == 2 else ""
        stream.append(
            f"{head}data {len(message)}\n".encode()
            + message
            + f"\n{parent}merge {attempt}\n".encode()
        )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, input=b"".join(stream), check=True
    )
    return count
