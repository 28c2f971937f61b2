"""Git as the database: the commits' shape, what other hands do to a branch, and a death between any two git commands."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.records.results import Result, Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from tests.agent.study import (
    ListProposer,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
    settle,
    study,
)
from tests.e2e.researcher import fsck, git

NIGHT = [
    proposal(LR=0.3),
    proposal(LR=0.9),
    proposal(DEPTH=13),
    proposal(NOPE=1),
    proposal(DEPTH=6),
]
VERDICTS = ["baseline", "keep", "discard", "crash", "refused", "keep"]


def night(folder: Path) -> tuple[Trial, ...]:
    """A run of six trials in a new repository."""
    with study(folder) as history:
        list(loop_of(history, ListProposer(NIGHT), trials=4).events())
        return history.trials


def reopened(folder: Path) -> History:
    return History.read(project_of(folder), "t")


def scored(value: float) -> Result:
    return Result(status="scored", scores=(Score(value=value, seed=0, kind="self-reported"),))


# ---------------------------------------------------------------- the shape


def test_the_first_parents_are_the_trials_and_what_was_kept(tmp_path: Path) -> None:
    trials = night(tmp_path)
    subjects = git(
        tmp_path, "log", "--first-parent", "--reverse", "--format=%s", "main..autoresearch/t"
    ).splitlines()
    assert subjects[0].startswith("start t: ")
    assert [subject.split()[:2] for subject in subjects[1:]] == [
        [f"#{n}", status] for n, status in enumerate(VERDICTS)
    ]
    for before, trial in itertools.pairwise(trials):
        parents = git(tmp_path, "show", "-s", "--format=%P", trial.verdict).split()
        assert parents == [before.verdict, trial.attempt]
        taken = trial.attempt if trial.status == "keep" else before.verdict
        assert git(tmp_path, "rev-parse", f"{trial.verdict}^{{tree}}") == git(
            tmp_path, "rev-parse", f"{taken}^{{tree}}"
        )
    assert git(tmp_path, "rev-parse", f"{trials[3].attempt}^") == trials[2].verdict, (
        "an attempt stands on the tip"
    )
    kept = git(tmp_path, "diff", "-U0", trials[0].verdict, trials[5].verdict).splitlines()
    assert [line for line in kept if line.startswith(("+D", "+L", "-D", "-L"))] == [
        "-LR = 0.1  # [0.01 .. 1 log]",
        "-DEPTH = 4  # [1 .. 16]",
        "+LR = 0.3  # [0.01 .. 1 log]",
        "+DEPTH = 6  # [1 .. 16]",
    ]
    attempts = git(
        tmp_path, "log", "--no-merges", "--format=%s", "main..autoresearch/t"
    ).splitlines()
    assert len([subject for subject in attempts if subject.startswith("attempt #")]) == 6


def test_git_itself_reads_the_trailers(tmp_path: Path) -> None:
    trials = night(tmp_path)
    message = subprocess.run(
        [
            "git",
            "show",
            "-s",
            "--format=%(trailers:key=Trial,valueonly)%(trailers:key=Status,valueonly)",
            trials[1].verdict,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert message.stdout.split() == ["1", "keep"]
    assert (
        git(tmp_path, "show", "-s", "--format=%an %ae", trials[1].verdict)
        == "autoresearch autoresearch@localhost"
    )


def test_an_attempt_is_marked_in_flight_before_it_runs_and_not_after(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = history.commit_attempt(0, proposal(LR=0.2), history.source.replace("0.1", "0.2"))
        assert git(tmp_path, "rev-parse", "refs/autoresearch/t/0") == attempt.commit
        assert git(tmp_path, "rev-parse", f"{attempt.commit}^") == history.tip
        assert reopened(tmp_path).in_flight == history.in_flight == (attempt,)
        trial = Trial(
            number=0, status="baseline", proposal=attempt.proposal, reason="r", result=scored(1.0)
        )
        recorded = history.commit_verdict(attempt, trial)
        assert git(tmp_path, "for-each-ref", "refs/autoresearch") == ""
        assert recorded == history.trials[0] == reopened(tmp_path).trials[0]
        assert (recorded.attempt, recorded.verdict) == (attempt.commit, history.tip)


def test_a_push_carries_every_attempt(tmp_path: Path) -> None:
    trials = night(tmp_path / "r")
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(tmp_path / "r", "push", "-q", str(tmp_path / "remote.git"), "autoresearch/t")
    for trial in trials:
        assert git(tmp_path / "remote.git", "cat-file", "-t", trial.attempt) == "commit"
    assert "LR = 0.9" in git(tmp_path / "remote.git", "show", f"{trials[2].attempt}:train.py"), (
        "the discarded one too"
    )


def test_two_remotes_have_a_run_of_one_name(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "start"))
    for name, seed in (("a", 1), ("b", 2)):
        git(tmp_path, "clone", "-q", "start", name)
        here = project_of(tmp_path / name)
        with History.create(here, settings_of(here, seed=seed)):
            pass
        git(
            tmp_path / "start",
            "fetch",
            "-q",
            str(tmp_path / name),
            f"autoresearch/t:refs/remotes/{name}/autoresearch/t",
        )
    assert History.read(project, "b/autoresearch/t").run.seed == 2
    with History.open(project, "b/autoresearch/t") as history:
        assert (history.branch, history.run.seed) == ("autoresearch/t", 2)


def test_gc_and_packed_references_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        other = history.commit_attempt(1, proposal(LR=0.3), history.source.replace("0.1", "0.3"))
        git(tmp_path, "reflog", "expire", "--expire=now", "--all")
        git(tmp_path, "gc", "-q", "--prune=now")
        git(tmp_path, "pack-refs", "--all")
        settle(ledger, attempt, scored(1.0))
        settle(ledger, other, scored(0.5))
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
    assert reopened(tmp_path).trials == history.trials
    fsck(tmp_path)


# ---------------------------------------------------------------- other hands


def commit(folder: Path, message: str = "by hand", **files: str) -> None:
    """Commit on the run's branch, in its worktree, as a user does."""
    worktree = folder / ".autoresearch" / "worktrees" / "t"
    for name, text in files.items():
        (worktree / name.replace("_", ".")).write_text(text)
    git(worktree, "add", ".")
    git(worktree, "commit", "-q", "--allow-empty", "-m", message)


def new_train(folder: Path) -> None:
    commit(folder, train_py="LR = 0.35\nDEPTH = 6\nSEED = 1\n")


def amended(folder: Path) -> None:
    worktree = folder / ".autoresearch" / "worktrees" / "t"
    (worktree / "train.py").write_text("LR = 0.35\nDEPTH = 6\nSEED = 1\n")
    git(worktree, "commit", "-q", "-a", "--amend", "--no-edit")


def merged(folder: Path) -> None:
    (folder / "helper.py").write_text("X = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "on main")
    git(folder / ".autoresearch/worktrees/t", "merge", "-q", "main", "-m", "merge main")


def reverted(folder: Path) -> None:
    git(folder / ".autoresearch/worktrees/t", "revert", "-m", "1", "--no-edit", "HEAD")


@pytest.mark.parametrize(
    "change", [new_train, amended, merged, reverted], ids=lambda change: change.__name__
)
def test_a_change_by_hand_is_measured_as_the_new_baseline(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    recorded = night(tmp_path)
    change(tmp_path)
    with History.open(project_of(tmp_path), "t") as history:
        assert len(history.foreign_commits) == 1
        assert [trial.number for trial in history.trials] == [trial.number for trial in recorded]
        list(
            loop_of(history, ListProposer([proposal(NOPE=2), proposal(LR=0.4)]), trials=1).events()
        )
        assert [trial.status for trial in history.trials[6:]] == ["baseline", "refused", "keep"]
        assert history.foreign_commits == ()
        assert history.trials[:5] == recorded[:5]
    assert reopened(tmp_path).trials == history.trials


def test_a_refusal_does_not_hide_that_the_tip_was_never_measured(tmp_path: Path) -> None:
    """Killed between the verdict on a look-ahead proposal and the one on the new baseline."""
    night(tmp_path)
    new_train(tmp_path)
    with History.open(project_of(tmp_path), "t") as history:
        ledger = Ledger(history, read_space)
        stale = ledger.begin_baseline()
        refused = ledger.admit(proposal(NOPE=3))
        assert not isinstance(refused, str)
        ledger.refuse(proposal(NOPE=3), refused)
        assert ledger.needs_baseline
    with History.open(project_of(tmp_path), "t") as history:
        assert history.foreign_commits
        assert history.in_flight == (stale,)
        list(loop_of(history, ListProposer([proposal(LR=0.4)]), trials=1).events())
        baselines = [trial for trial in history.trials if trial.status == "baseline"]
        assert read_constants(history.source_at(baselines[-1].attempt))["LR"] == 0.35
        assert history.in_flight == ()


@pytest.mark.parametrize(
    "files", [{}, {"program_md": "# Goal\nSomething else.\n"}], ids=["empty", "program.md"]
)
def test_a_new_brief_is_read_and_costs_no_baseline(tmp_path: Path, files: dict[str, str]) -> None:
    night(tmp_path)
    commit(tmp_path, **files)
    with History.open(project_of(tmp_path), "t") as history:
        assert history.foreign_commits == ()
        assert ("Something else" in history.program) == bool(files)
        list(loop_of(history, ListProposer([proposal(LR=0.4)]), trials=1).events())
        assert history.trials[-1].status == "keep"


@pytest.mark.parametrize("name", ["program_md", "prepare_py", "notes_md"])
def test_an_attempt_from_before_a_change_by_hand_does_not_undo_it(
    tmp_path: Path, name: str
) -> None:
    """A keep takes the attempt's whole tree, and in that the user's file is still as it was."""
    with study(tmp_path) as history:
        list(loop_of(history, ListProposer([proposal(LR=0.9)]), trials=1).events())
        history.commit_attempt(
            history.next_number, proposal(LR=0.3), history.source.replace("0.1", "0.3")
        )
    commit(tmp_path, **{name: "X = 'by hand'\n"})
    with History.open(project_of(tmp_path), "t") as history:
        list(loop_of(history, ListProposer([]), trials=2).events())
        assert history.file_at(history.tip, name.replace("_", ".")) == "X = 'by hand'\n"
        assert read_constants(history.source)["LR"] == 0.3
        assert [trial.proposal.by.origin for trial in history.trials if trial.status == "keep"] == [
            "replay"
        ]


def test_a_branch_set_back_goes_on_from_there(tmp_path: Path) -> None:
    recorded = night(tmp_path)
    git(tmp_path / ".autoresearch/worktrees/t", "reset", "-q", "--hard", recorded[2].verdict)
    with History.open(project_of(tmp_path), "t") as history:
        assert history.trials == recorded[:3]
        assert history.next_number == 3
        list(loop_of(history, ListProposer([proposal(DEPTH=8)]), trials=1).events())
        assert [trial.status for trial in history.trials] == [*VERDICTS[:3], "keep"]
        assert history.warnings == []
    fsck(tmp_path)


def two_trials(folder: Path) -> tuple[Trial, ...]:
    """A kept and a discarded trial, and a commit on main since."""
    with study(folder) as history:
        list(
            loop_of(history, ListProposer([proposal(LR=0.3), proposal(LR=0.9)]), trials=2).events()
        )
    (folder / "notes.md").write_text("on main\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "on main")
    return history.trials


def test_a_rebase_that_flattens_is_named(tmp_path: Path) -> None:
    two_trials(tmp_path)
    git(tmp_path / ".autoresearch/worktrees/t", "rebase", "-q", "main")
    with pytest.raises(HistoryFault, match="rebase") as fault:
        reopened(tmp_path)
    assert "git reflog" in str(fault.value.next_command)


def test_a_rebase_that_makes_the_merges_anew_is_measured_again(tmp_path: Path) -> None:
    """git merges the discarded attempt like any other: its change is in the tree all at once."""
    recorded = two_trials(tmp_path)
    git(tmp_path / ".autoresearch/worktrees/t", "rebase", "-q", "--rebase-merges", "main")
    with History.open(project_of(tmp_path), "t") as history:
        assert [trial.number for trial in history.trials] == [trial.number for trial in recorded]
        assert read_constants(history.source)["LR"] == 0.9
        assert len(history.foreign_commits) == 1
        list(loop_of(history, ListProposer([proposal(LR=0.4)]), trials=1).events())
        assert [trial.status for trial in history.trials[3:]] == ["baseline", "keep"]


def test_a_branch_that_is_gone(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        attempt = ledger.begin(proposal(LR=0.3))
        tip = history.tip
        git(tmp_path, "update-ref", "-d", "refs/heads/autoresearch/t")
        with pytest.raises(HistoryFault, match="deleted") as fault:
            settle(ledger, attempt, scored(0.5))  # type: ignore[arg-type]
    with pytest.raises(HistoryFault, match="no run t"):
        History.open(project_of(tmp_path), "t")
    with pytest.raises(HistoryFault, match="still in flight"):
        History.create(project_of(tmp_path), settings_of(project_of(tmp_path)))
    command = str(fault.value.next_command).split("#")[0].split()
    assert (command[0], command[-1]) == ("git", tip)
    git(tmp_path, *command[1:])
    with History.open(project_of(tmp_path), "t") as history:
        assert [attempt.number for attempt in history.in_flight] == [1], (
            "what the next command brings back, whole"
        )


@pytest.mark.parametrize("merge", [False, True])
def test_a_verdict_without_its_trailers_is_torn_not_foreign(tmp_path: Path, merge: bool) -> None:
    night(tmp_path)
    git(
        tmp_path / ".autoresearch/worktrees/t",
        "commit",
        "-q",
        "--amend",
        "-m",
        "oops" if merge else "#5 keep",
    )
    with pytest.raises(HistoryFault, match="lost its trailers"):
        reopened(tmp_path)


def test_parents_in_the_wrong_order(tmp_path: Path) -> None:
    trials = night(tmp_path)
    message = git(tmp_path, "show", "-s", "--format=%B", trials[5].verdict)
    tree, first, second = git(tmp_path, "show", "-s", "--format=%T %P", trials[5].verdict).split()
    for parents, said in (((second, first), "an attempt"), ((first,), "1 parents")):
        options = [part for parent in parents for part in ("-p", parent)]
        git(
            tmp_path,
            "update-ref",
            "refs/heads/autoresearch/t",
            git(tmp_path, "commit-tree", tree, *options, "-m", message),
        )
        with pytest.raises(HistoryFault, match=said):
            reopened(tmp_path)


def test_a_training_whose_last_words_look_like_a_run(tmp_path: Path) -> None:
    """The reason is prose in the verdict's message: it must not pass for the run's first commit."""
    with study(tmp_path) as history:
        attempt = Ledger(history, read_space).begin_baseline()
        reason = 'Autoresearch-Run: {"tag": "evil"}'
        history.commit_verdict(
            attempt, Trial(number=0, status="refused", proposal=attempt.proposal, reason=reason)
        )
    again = reopened(tmp_path)
    assert again.run.tag == "t"
    assert again.trials == history.trials


@pytest.mark.parametrize("name", ["autoresearch/mar5", "autoresearch"])
def test_a_branch_of_the_users_own_under_our_name(tmp_path: Path, name: str) -> None:
    project = project_of(make_repository(tmp_path))
    git(tmp_path, "branch", name)
    if name == "autoresearch":
        with pytest.raises(HistoryFault, match="in the way") as fault:
            History.create(project, settings_of(project))
        assert "git branch -m" in str(fault.value.next_command)
    else:
        with pytest.raises(HistoryFault, match="not the branch of a run"):
            History.open(project, "mar5")


def test_a_clone_too_shallow_for_the_run(tmp_path: Path) -> None:
    night(tmp_path / "r")
    git(
        tmp_path,
        "clone",
        "-q",
        "--depth",
        "2",
        "-b",
        "autoresearch/t",
        (tmp_path / "r").as_uri(),
        "clone",
    )
    with pytest.raises(HistoryFault, match="too shallow") as fault:
        reopened(tmp_path / "clone")
    git(tmp_path / "clone", *str(fault.value.next_command).split()[1:])
    assert len(reopened(tmp_path / "clone").trials) == 6


# ---------------------------------------------------------------- death


class Died(BaseException):
    """Stands for kill -9: nothing in the harness catches it."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, call: int, after: bool) -> Iterator[list[str]]:
    """The process dies before, or right after, its n-th git command."""
    real, calls = Plumbing.bytes, itertools.count()
    seen: list[str] = []

    def bytes_(self: Plumbing, *arguments: str, **options: object) -> bytes:
        turn = next(calls)
        if turn == call and not after:
            raise Died
        out = real(self, *arguments, **options)  # type: ignore[arg-type]
        seen.append(arguments[0])
        if turn == call:
            raise Died
        return out

    with monkeypatch.context() as patch:
        patch.setattr(Plumbing, "bytes", bytes_)
        yield seen


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_between_any_two_git_commands_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Each round keeps one trial and discards another, dies in a later command each time, and goes on after it."""
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
            assert (history.worktree / "train.py").read_text() == history.source, (
                "the worktree has caught up"
            )
        check_whole(tmp_path)
        if survived:
            break
    assert survived, "the loop ends where no command is left to die in"
    assert call > 12
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
    """Every attempt is there once, numbers are right, and each trial's constants are those of its own proposal."""
    history = reopened(folder)
    assert [trial.number for trial in history.trials] == list(range(len(history.trials)))
    assert len({trial.attempt for trial in history.trials}) == len(history.trials)
    assert history.in_flight == ()
    assert list(folder.rglob("autoresearch-index-*")) == []
    for trial in history.trials[1:]:
        if trial.status != "refused":
            wanted = trial.proposal.edits[0].value  # type: ignore[union-attr]
            assert trial.configuration["LR"] == float(wanted)
            assert read_constants(history.source_at(trial.attempt))["LR"] == float(wanted)


# ---------------------------------------------------------------- speed


def test_git_is_asked_as_often_for_the_last_verdict_as_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        counts = []
        for n in range(1, 31):
            with dying(monkeypatch, -1, False) as calls:
                attempt = ledger.begin(proposal(LR=n / 1000))
                settle(ledger, attempt, scored(1.0))  # type: ignore[arg-type]
            counts.append(len(calls))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 12


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
    """Append verdicts to the branch by one fast-import, each a copy of trial 1 under its own number."""
    tip = git(folder, "rev-parse", "autoresearch/t")
    tree, _, attempt = git(folder, "show", "-s", "--format=%T %P", tip).split()
    text = git(folder, "show", "-s", "--format=%B", tip)
    del tree
    stream = []
    for number in range(2, count):
        message = text.replace("Trial: 1\n", f"Trial: {number}\n").encode()
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
