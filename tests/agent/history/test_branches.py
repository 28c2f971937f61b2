"""A run's branch forked, renamed or set back: each is a run of its own."""

from pathlib import Path

import pytest

from agent.errors import RunBusy
from agent.history.history import History
from tests.agent.history.forks import (
    FLYING,
    begun,
    check_whole,
    flights,
    go_on,
    opened,
    read,
    scored,
)
from tests.agent.study import ListProposer, loop_of, project_of, settings_of
from tests.e2e.researcher import fsck, git

# ---------------------------------------------------------------- forks and renames


def test_a_fork_is_a_run_of_its_own_with_nothing_in_flight(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    git(tmp_path, "branch", "autoresearch/fork", "autoresearch/t")
    assert read(tmp_path, "fork").in_flight == ()
    assert read(tmp_path, "fork").run.tag == "fork"
    before = git(tmp_path, "rev-parse", "autoresearch/t")
    assert [trial.status for trial in go_on(tmp_path, "fork", DEPTH=8)] == [
        "baseline",
        "keep",
        "discard",
        "keep",
    ]
    assert git(tmp_path, "rev-parse", "autoresearch/t") == before
    assert read(tmp_path, "t").in_flight == (attempt,)
    with opened(tmp_path, "fork") as fork, opened(tmp_path, "t") as history:
        assert fork.worktree.name == "fork"
        assert history.worktree.name == "t"
        assert (history.worktree / "train.py").read_text() == history.sources.text
        assert history.measured(attempt) == scored(0.5)
        list(loop_of(history, ListProposer([]), trials=1).events())
        assert [trial.number for trial in history.trials] == [0, 1, 2, 3]
    assert flights(tmp_path) == []
    fsck(tmp_path)


def test_a_renamed_branch_takes_what_is_in_flight_along(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    git(tmp_path, "branch", "-m", "autoresearch/t", "autoresearch/new")
    with opened(tmp_path, "new") as history:
        assert history.in_flight == (attempt,)
        assert history.measured(attempt) == scored(0.5)
        assert flights(tmp_path) == ["refs/autoresearch/new/3"]
        assert history.worktree == tmp_path / ".autoresearch" / "worktrees" / "new"
        assert (history.worktree / "train.py").read_text() == history.sources.text
        assert not (tmp_path / ".autoresearch" / "worktrees" / "t").exists(), (
            "it moved, with what the user has in it"
        )
        list(loop_of(history, ListProposer([]), trials=1).events())
        check_whole(history)
    assert flights(tmp_path) == []
    project = project_of(tmp_path)
    with History.create(project, settings_of(project)) as again:
        assert again.trials == ()


def test_a_branch_renamed_under_a_process_that_works_on_it(tmp_path: Path) -> None:
    begun(tmp_path)
    with opened(tmp_path, "t"):
        git(tmp_path, "branch", "-m", "autoresearch/t", "autoresearch/new")
        with pytest.raises(RunBusy, match="works on the run t"):
            opened(tmp_path, "new")
        assert flights(tmp_path) == ["refs/autoresearch/t/3"]
    with opened(tmp_path, "new") as history:
        assert [attempt.number for attempt in history.in_flight] == [3]


def test_a_fork_that_went_on_takes_over_from_a_deleted_branch_under_a_new_number(
    tmp_path: Path,
) -> None:
    begun(tmp_path)
    git(tmp_path, "branch", "autoresearch/fork", "autoresearch/t")
    go_on(tmp_path, "fork", DEPTH=5)
    git(tmp_path, "worktree", "remove", "--force", ".autoresearch/worktrees/t")
    git(tmp_path, "branch", "-D", "autoresearch/t")
    git(tmp_path, "update-ref", "refs/remotes/o/autoresearch/t", "autoresearch/fork")
    with opened(tmp_path, "fork") as history:
        assert history.in_flight == (), "a remote still has the branch"
    git(tmp_path, "update-ref", "-d", "refs/remotes/o/autoresearch/t")
    with opened(tmp_path, "fork") as history:
        [attempt] = history.in_flight
        assert (attempt.number, attempt.proposal) == (4, FLYING)
        assert history.measured(attempt) == scored(0.5)
        list(loop_of(history, ListProposer([]), trials=1).events())
        check_whole(history)
        assert [trial.number for trial in history.trials] == [0, 1, 2, 3, 4]


def test_attempts_of_another_deleted_run_stay_where_they_are(tmp_path: Path) -> None:
    begun(tmp_path)
    project = project_of(tmp_path)
    with History.create(project, settings_of(project, tag="other")):
        pass
    git(tmp_path, "worktree", "remove", "--force", ".autoresearch/worktrees/t")
    git(tmp_path, "branch", "-D", "autoresearch/t")
    with opened(tmp_path, "other") as history:
        assert history.in_flight == ()
    assert flights(tmp_path) == ["refs/autoresearch/t/3"]


# ---------------------------------------------------------------- set back


def test_an_attempt_on_a_commit_that_the_branch_lost_is_refused_by_name(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    trials = read(tmp_path, "t").trials
    git(tmp_path / ".autoresearch/worktrees/t", "reset", "-q", "--hard", trials[1].verdict)
    with opened(tmp_path, "t") as history:
        assert history.in_flight == ()
        refused = history.trials[-1]
        assert (refused.number, refused.status, refused.attempt) == (3, "refused", attempt.commit)
        assert "set back" in refused.reason
        assert "it was #" not in refused.reason, "it keeps its number"
        assert attempt.parent[:12] in refused.reason
        check_whole(history)
    assert flights(tmp_path) == []
    assert [trial.number for trial in go_on(tmp_path, "t")] == [0, 1, 3, 4]


def test_an_amended_tip_is_measured_anew_and_what_was_tried_on_the_old_one_refused(
    tmp_path: Path,
) -> None:
    begun(tmp_path)
    worktree = tmp_path / ".autoresearch/worktrees/t"
    (worktree / "train.py").write_text("LR = 0.2\nDEPTH = 6\nSEED = 1\n")
    git(worktree, "commit", "-q", "-a", "--amend", "--no-edit")
    trials = go_on(tmp_path, "t", DEPTH=8)
    assert [trial.status for trial in trials] == [
        "baseline",
        "keep",
        "discard",
        "refused",
        "baseline",
        "keep",
    ]


def test_a_fast_forward_to_the_work_of_a_clone_gives_the_own_attempt_another_number(
    tmp_path: Path,
) -> None:
    """One copy takes the other's commits while it has a #3 of its own in flight."""
    here = tmp_path / "here"
    there = tmp_path / "there"
    begun(here)
    git(tmp_path, "clone", "-q", "here", "there")
    theirs = go_on(there, "t", DEPTH=5)
    assert [trial.number for trial in theirs] == [0, 1, 2, 3]
    git(here / ".autoresearch/worktrees/t", "pull", "-q", "--ff-only", str(there), "autoresearch/t")
    with opened(here, "t") as history:
        [attempt] = history.in_flight
        assert (attempt.number, attempt.proposal) == (4, FLYING)
        assert history.measured(attempt) == scored(0.5)
    assert flights(here) == ["refs/autoresearch/t/4"]
    trials = go_on(here, "t")
    assert trials[:4] == theirs
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]


def test_a_copy_that_has_gone_another_way_is_reported_and_left_alone(tmp_path: Path) -> None:
    here = tmp_path / "here"
    there = tmp_path / "there"
    begun(here)
    git(tmp_path, "clone", "-q", "here", "there")
    go_on(there, "t", DEPTH=5)
    git(here, "remote", "add", "there", str(there))
    git(here, "fetch", "-q", "there")
    with opened(here, "t") as history:
        assert any("there/autoresearch/t is ahead by" in warning for warning in history.warnings)
        list(loop_of(history, ListProposer([]), trials=1).events())
    with opened(here, "t") as history:
        assert any("has diverged" in warning for warning in history.warnings)
    tip = git(here, "rev-parse", "autoresearch/t")
    git(
        here / ".autoresearch/worktrees/t",
        "merge",
        "-q",
        "-s",
        "ours",
        "there/autoresearch/t",
        "-m",
        "merge theirs",
    )
    assert [trial.number for trial in read(here, "t").trials] == [0, 1, 2, 3], (
        "theirs are beside the branch"
    )
    assert [trial.number for trial in go_on(here, "t")] == [0, 1, 2, 3, 4]
    assert git(here, "rev-parse", "autoresearch/t^{/merge theirs}^1") == tip
