"""Forges the records of a run: a night to forge, what to write into it, and who must bear it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from typer.testing import CliRunner

from agent.cli import app
from agent.dashboard.render import compare_page, run_page, runs_page, trial_part
from agent.dashboard.watch import Watch
from agent.errors import Fault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.judge.comparison import Comparison, Measurement
from agent.propose.replay import Replay
from agent.records.results import Attempt, Pair, Result, Score
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import ListProposer, loop_of, project_of, proposal, study
from tests.e2e.researcher import git

Change = Callable[[str], str]
"""Returns another message for one of a commit."""

HUGE = [
    10**400,
    -(10**400),
    2**63,
    -(2**63),
    2**63 - 1,
    1e308,
    -1e308,
    1e89,
    5e-324,
    -1,
    0,
    1,
    0.5,
    2**2000,
]
WORDS = [
    "",
    "x" * 100_000,
    "\u202e\x1b[2J",
    "a\nTrial: 3",
    "../../x",
    "--output=x",
    "[bold]",
    "<script>",
    "{{7*7}}",
    "0" * 40,
]
TIMES = [
    "yesterday",
    "2026-11-24",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-11-24T15:04:05+00:00",
]
VALUES = [
    *HUGE,
    *WORDS,
    *TIMES,
    True,
    None,
    [],
    {},
    [[]],
    {"a": 10**400},
    [10**400],
    [1e308] * 30,
    {"LR": "x"},
    {"LR": [1]},
]
RUN_FIELDS = [
    "tag",
    "method",
    "model",
    "budget",
    "seed",
    "workers",
    "trials",
    "hours",
    "max_cost",
    "baseline_repeats",
    "data_fingerprint",
    "start_commit",
    "score",
    "caps",
    "verdict",
    "false_keeps",
    "warm",
    "prune",
    "interpreter",
]
COMMANDS = [
    ("log",),
    ("log", "--patch"),
    ("log", "--json"),
    ("status",),
    ("status", "--json"),
    ("show", "1"),
    ("show", "1", "--json"),
    ("show", "3"),
    ("diff", "1"),
    ("diff", "0", "2"),
    ("export",),
    ("export", "--format", "jsonl"),
    ("export", "--format", "csv"),
    ("export", "--format", "optuna", "--output", "study.db"),
    ("report", "--output", "-"),
    ("report", "--markdown"),
    ("plot", "progress", "--output", "p.svg"),
    ("plot", "curves", "--output", "c.svg"),
    ("finalize", "--to", "final"),
]
QUICK = [("log",), ("show", "1"), ("export", "--format", "jsonl")]

QUIET = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


def make_night(folder: Path) -> None:
    """Make a run of a baseline, a keep, a discard, a measurement, and a noted attempt in flight."""
    with study(folder) as history:
        list(
            loop_of(history, ListProposer([proposal(LR=0.3), proposal(LR=0.9)]), trials=2).events()
        )
        pairs = (
            Pair(seed=5, candidate=1.0, incumbent=1.2),
            Pair(seed=6, candidate=1.1, incumbent=1.2),
        )
        compared = Comparison(what="#1", trial=1, pairs=pairs)
        history.measured_again(
            Measurement(
                kind="replicate",
                against="the baseline #0",
                comparisons=(compared,),
                machine="m",
                command="autoresearch replicate",
                at="2026-11-25T00:00:00+00:00",
            )
        )
        attempt = Ledger(history, read_space).begin(proposal(LR=0.35))
        assert isinstance(attempt, Attempt)
        history.note(
            attempt,
            Result(status="scored", scores=(Score(value=0.5, seed=0, kind="self-reported"),)),
        )
    git(folder, "worktree", "remove", "--force", ".autoresearch/worktrees/t")


def forge(folder: Path, number: int, change: Change) -> None:
    """Change the message of the branch's commit `number` (0 is its first), and rebuild the rest."""
    chain = git(folder, "rev-list", "--first-parent", "--reverse", "main..autoresearch/t").split()
    before = ""
    for place, commit in enumerate(chain):
        tree, *parents = git(folder, "show", "-s", "--format=%T %P", commit).split()
        parents = [before or parents[0], *parents[1:]]
        message = git(folder, "show", "-s", "--format=%B", commit)
        if place == number:
            message = change(message)
        options = [part for parent in parents for part in ("-p", parent)]
        before = made(folder, tree, options, message)
    git(folder, "update-ref", "refs/heads/autoresearch/t", before)


def forge_flight(folder: Path, change: Change, note: bool) -> None:
    """Change the message of the attempt in flight, or of the note on it."""
    head = git(folder, "rev-parse", "refs/autoresearch/t/3")
    attempt = git(folder, "rev-parse", f"{head}^")
    for commit, changed in ((attempt, not note), (head, note)):
        tree, parent = git(folder, "show", "-s", "--format=%T %P", commit).split()
        message = git(folder, "show", "-s", "--format=%B", commit)
        attempt = made(
            folder,
            tree,
            ["-p", attempt if commit == head else parent],
            change(message) if changed else message,
        )
    git(folder, "update-ref", "refs/autoresearch/t/3", attempt)


def made(folder: Path, tree: str, options: list[str], message: str) -> str:
    return Plumbing(folder)(
        "commit-tree", tree, *options, "-F", "-", stdin=message.encode("utf-8", "surrogatepass")
    ).strip()


def answers(words: tuple[str, ...]) -> None:
    """Assert that a command succeeds, or ends with a fault that names the next command."""
    result = CliRunner().invoke(app, words)
    error = result.exception
    if error is None or isinstance(error, SystemExit):
        return
    if not isinstance(error, Fault):
        raise AssertionError(f"{words}: {type(error).__name__}: {str(error)[:300]}") from error
    assert error.next_command
    assert len(error.message) < 3000


def check_readers(folder: Path, commands: list[tuple[str, ...]]) -> None:
    for words in commands:
        answers(words)
    project = project_of(folder)
    try:
        watch = Watch(project)
        view = watch.view("t")
        for page in (run_page(view, "n", []), runs_page([view], "n"), compare_page([view], "n")):
            assert page
        for trial in view.trials:
            told, one, diff, local = watch.trial("t", trial.number)
            assert trial_part(told, one, diff, local)
        Replay("replay:t", History.read(project, "t").trials)
    except Fault as fault:
        assert fault.next_command


def check_resume(folder: Path) -> None:
    """What a resume does first: it opens the branch, reads it, and asks a method."""
    project = project_of(folder)
    try:
        with History.open(project, "t") as history:
            list(
                loop_of(
                    history,
                    ListProposer([proposal(DEPTH=depth) for depth in range(5, 13)]),
                    trials=2,
                ).events()
            )
            numbers = [trial.number for trial in history.trials]
            assert len(set(numbers)) == len(numbers)
    except Fault as fault:
        assert fault.next_command


def forge_any(folder: Path, where: int | str, change: Change) -> None:
    if isinstance(where, int):
        forge(folder, where, change)
    else:
        forge_flight(folder, change, where == "note")


def fuzz(
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forgeries: Any,
    commands: list[tuple[str, ...]],
) -> None:
    folder = tmp_path / "fuzzed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(night, folder, symlinks=True)
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for where, change in forgeries:
            forge_any(folder, where, change)
        check_readers(folder, commands)
        check_resume(folder)
