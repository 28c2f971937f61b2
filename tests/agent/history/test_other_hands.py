"""What a user does to a branch by hand: new code, new briefs, resets, rebases, deletions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.history.history import History
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from tests.agent.history.nights import VERDICTS, commit, night, reopened, scored
from tests.agent.study import (
    ListProposer,
    loop_of,
    project_of,
    proposal,
    settings_of,
    settle,
    study,
)
from tests.e2e.researcher import fsck, git


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
        assert read_constants(history.sources_at(baselines[-1].attempt).text)["LR"] == 0.35
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


def one_in_flight(folder: Path) -> None:
    """A run with a baseline, a discarded trial, and an attempt in flight that will be kept."""
    with study(folder) as history:
        list(loop_of(history, ListProposer([proposal(LR=0.9)]), trials=1).events())
        source = history.sources.text.replace("0.1", "0.3")
        history.commit_attempt(
            history.next_number, proposal(LR=0.3), history.sources.with_text(source)
        )


@pytest.mark.parametrize("name", ["program_md", "notes_md"])
def test_an_attempt_is_not_overtaken_by_what_no_run_sees(tmp_path: Path, name: str) -> None:
    """A keep is the tip's tree with the attempt's train.py: the user's file stays as it is."""
    one_in_flight(tmp_path)
    commit(tmp_path, **{name: "X = 'by hand'\n"})
    with History.open(project_of(tmp_path), "t") as history:
        [attempt] = history.in_flight
        assert history.same_files(attempt.parent, history.tip)
        list(loop_of(history, ListProposer([]), trials=1).events())
        assert [trial.status for trial in history.trials] == ["baseline", "discard", "keep"]
        kept = history.trials[-1]
        assert (kept.attempt, kept.proposal.by.origin) == (attempt.commit, "scripted")
        assert history.file_at(history.tip, name.replace("_", ".")) == "X = 'by hand'\n"
        assert read_constants(history.sources.text)["LR"] == 0.3
        assert (history.worktree / name.replace("_", ".")).read_text() == "X = 'by hand'\n"
        assert history.warnings == []
        assert history.foreign_commits == ()
    changed = git(tmp_path, "diff", "--name-only", f"{kept.verdict}^1", kept.verdict)
    assert changed == "train.py", "all that a keep changes on the branch"
    again = reopened(tmp_path)
    assert again.foreign_commits == ()
    assert again.trials == history.trials


def test_an_attempt_is_overtaken_by_a_change_of_what_a_run_sees(tmp_path: Path) -> None:
    one_in_flight(tmp_path)
    commit(tmp_path, prepare_py="X = 'by hand'\n")
    with History.open(project_of(tmp_path), "t") as history:
        [attempt] = history.in_flight
        assert not history.same_files(attempt.parent, history.tip)
        list(loop_of(history, ListProposer([]), trials=2).events())
        assert history.file_at(history.tip, "prepare.py") == "X = 'by hand'\n"
        assert read_constants(history.sources.text)["LR"] == 0.3
        kept = [trial for trial in history.trials if trial.status == "keep"]
        assert [trial.proposal.by.origin for trial in kept] == ["replay"]


def test_a_brief_edited_while_a_run_works_survives_the_next_keep(tmp_path: Path) -> None:
    one_in_flight(tmp_path)
    commit(tmp_path, program_md="# Goal\nFirst edit.\n")
    with History.open(project_of(tmp_path), "t") as history:
        list(loop_of(history, ListProposer([proposal(DEPTH=6)]), trials=2).events())
        assert "First edit" in history.program
        assert [trial.status for trial in history.trials[2:]] == ["keep", "keep"]
        assert read_constants(history.sources.text) == {"LR": 0.3, "DEPTH": 6, "SEED": 1}


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
        assert read_constants(history.sources.text)["LR"] == 0.9
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
def test_a_verdict_without_its_record_is_torn_not_foreign(tmp_path: Path, merge: bool) -> None:
    night(tmp_path)
    git(
        tmp_path / ".autoresearch/worktrees/t",
        "commit",
        "-q",
        "--amend",
        "-m",
        "oops" if merge else "#5 keep",
    )
    with pytest.raises(HistoryFault, match="lost its record"):
        reopened(tmp_path)


def test_the_script_of_a_run_stays_whatever_autoresearch_toml_names_by_then(tmp_path: Path) -> None:
    with study(tmp_path, train="train.py") as history:
        own = history.project
    (tmp_path / "other.py").write_text("print('val_bpb: 0.1')\n")
    (tmp_path / "autoresearch.toml").write_text('train = "other.py"\n')
    now = project_of(tmp_path)
    assert now.train == "other.py"
    with History.open(now, "t") as history:
        assert history.project.train == own.train
        assert history.sources.main == "train.py"
