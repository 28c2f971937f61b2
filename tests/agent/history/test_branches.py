"""A run's branch forked, renamed, set back, merged, half deleted: each is a run of its own, and a number has one verdict."""

from pathlib import Path

import pytest

from agent.errors import HistoryFault, RunBusy
from agent.history.history import History
from agent.records.results import Attempt, Result, Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import ListProposer, loop_of, project_of, proposal, settings_of, study
from tests.e2e.researcher import fsck, git

FLYING = proposal(LR=0.35, hypothesis="in flight")


def scored(value: float, seed: int = 0) -> Result:
    return Result(status="scored", scores=(Score(value=value, seed=seed, kind="self-reported"),))


def begun(folder: Path) -> Attempt:
    """A run t with a baseline, a keep, a discard, and an attempt #3 in flight that was measured once."""
    with study(folder) as history:
        list(
            loop_of(history, ListProposer([proposal(LR=0.3), proposal(LR=0.9)]), trials=2).events()
        )
        attempt = Ledger(history, read_space).begin(FLYING)
        assert isinstance(attempt, Attempt)
        history.note(attempt, scored(0.5))
    return attempt


def opened(folder: Path, name: str) -> History:
    return History.open(project_of(folder), name)


def read(folder: Path, name: str) -> History:
    return History.read(project_of(folder), name)


def flights(folder: Path) -> list[str]:
    return git(folder, "for-each-ref", "--format=%(refname)", "refs/autoresearch").split()


def go_on(folder: Path, name: str, trials: int = 1, **constants: object) -> tuple[Trial, ...]:
    """What a resume does: first what is in flight, then what a method proposes."""
    with opened(folder, name) as history:
        made = [proposal(**(constants or {"DEPTH": 6 + n})) for n in range(trials)]
        list(loop_of(history, ListProposer(made), trials=trials).events())
        check_whole(history)
        return history.trials


def check_whole(history: History) -> None:
    numbers = [trial.number for trial in history.trials]
    assert len(set(numbers)) == len(numbers), "a number has one verdict"
    attempts = [trial.attempt for trial in history.trials]
    assert len(set(attempts)) == len(attempts), "an attempt has one verdict"
    assert read(Path(history.project.root), history.tag).trials == history.trials


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
        assert (history.worktree / "train.py").read_text() == history.source
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
        assert (history.worktree / "train.py").read_text() == history.source
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
    """Two copies of one run go on; the one takes the other's commits while it has a #3 of its own in flight."""
    here, there = tmp_path / "here", tmp_path / "there"
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
    here, there = tmp_path / "here", tmp_path / "there"
    begun(here)
    git(tmp_path, "clone", "-q", "here", "there")
    go_on(there, "t", DEPTH=5)
    git(here, "remote", "add", "there", str(there))
    git(here, "fetch", "-q", "there")
    with opened(here, "t") as history:
        assert any("there/autoresearch/t is ahead by" in warning for warning in history.warnings)
        list(loop_of(history, ListProposer([]), trials=1).events())
    with opened(here, "t") as history:
        assert any("gone another way" in warning for warning in history.warnings)
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


# ---------------------------------------------------------------- two verdicts


def second_verdict(folder: Path, kept: bool) -> str:
    """What an older version wrote, or a hand: another verdict on #2, of an attempt of its own."""
    trials = read(folder, "t").trials
    [attempt] = read(folder, "t").in_flight
    message = git(folder, "show", "-s", "--format=%B", trials[2].verdict)
    tree = git(folder, "rev-parse", f"{attempt.commit if kept else trials[2].verdict}^{{tree}}")
    commit = git(
        folder, "commit-tree", tree, "-p", trials[2].verdict, "-p", attempt.commit, "-m", message
    )
    git(folder, "update-ref", "refs/heads/autoresearch/t", commit)
    return commit


@pytest.mark.parametrize("kept", [False, True])
def test_a_second_verdict_on_a_number_is_shown_and_taken_for_a_commit_by_hand(
    tmp_path: Path, kept: bool
) -> None:
    begun(tmp_path)
    first = read(tmp_path, "t").trials
    twin = second_verdict(tmp_path, kept)
    again = read(tmp_path, "t")
    assert again.trials == first
    [warning] = again.warnings
    assert warning.startswith(f"{twin[:12]} is a second verdict on #2")
    assert again.foreign_commits == ((twin,) if kept else ())
    trials = go_on(tmp_path, "t", DEPTH=8)
    expected = ["baseline", "keep"] if kept else ["keep"]
    assert [trial.status for trial in trials[3:]] == expected
    assert trials[:3] == first
    assert flights(tmp_path) == [], "an attempt that was judged is not in flight"


def test_a_second_verdict_is_never_written(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    with opened(tmp_path, "t") as history:
        tip = history.tip
        trial = Trial(number=2, status="refused", proposal=attempt.proposal, reason="again")
        with pytest.raises(HistoryFault, match="#2 has a verdict already"):
            history.commit_verdict(attempt, trial)
        assert git(tmp_path, "rev-parse", "autoresearch/t") == tip
        assert history.in_flight == (attempt,)


# ---------------------------------------------------------------- merges


def test_another_run_merged_into_this_one_is_a_change_by_hand(tmp_path: Path) -> None:
    begun(tmp_path)
    project = project_of(tmp_path)
    with History.create(project, settings_of(project, tag="other")) as other:
        list(loop_of(other, ListProposer([proposal(DEPTH=7)]), trials=1).events())
    git(
        tmp_path / ".autoresearch/worktrees/t",
        "merge",
        "-q",
        "-X",
        "theirs",
        "autoresearch/other",
        "-m",
        "both",
    )
    again = read(tmp_path, "t")
    assert [trial.number for trial in again.trials] == [0, 1, 2]
    assert len(again.foreign_commits) == 1
    trials = go_on(tmp_path, "t", LR=0.4)
    assert "baseline" in [trial.status for trial in trials[3:]], "what nobody has measured"


def test_a_fast_forward_to_an_attempt_or_a_note_is_named(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", "refs/autoresearch/t/3")
    with pytest.raises(HistoryFault, match="an attempt without its verdict") as fault:
        read(tmp_path, "t")
    command = str(fault.value.next_command)
    assert command.startswith(f"git update-ref refs/heads/autoresearch/t {attempt.parent}")
    git(tmp_path, *command.split("#")[0].split()[1:])
    assert [one.number for one in read(tmp_path, "t").in_flight] == [3]


def test_squashed_trials_are_gone_and_the_rest_goes_on(tmp_path: Path) -> None:
    begun(tmp_path)
    trials = read(tmp_path, "t").trials
    worktree = tmp_path / ".autoresearch/worktrees/t"
    git(worktree, "reset", "-q", "--soft", trials[0].verdict)
    git(worktree, "commit", "-qm", "squashed")
    assert [trial.status for trial in go_on(tmp_path, "t", DEPTH=8)] == [
        "baseline",
        "refused",
        "baseline",
        "keep",
    ]


# ---------------------------------------------------------------- halves


def test_a_deleted_branch_comes_back_by_the_next_command(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    git(tmp_path, "update-ref", "-d", "refs/heads/autoresearch/t")
    with pytest.raises(HistoryFault, match="no run t") as fault:
        opened(tmp_path, "t")
    command = str(fault.value.next_command).split("#")[0].split()
    assert command == ["git", "branch", "autoresearch/t", attempt.parent]
    git(tmp_path, *command[1:])
    assert read(tmp_path, "t").in_flight == (attempt,)


def test_a_ref_in_flight_that_is_no_attempt_is_named(tmp_path: Path) -> None:
    begun(tmp_path)
    for target in ("main", "main:train.py", "main^{tree}"):
        git(tmp_path, "update-ref", "refs/autoresearch/t/7", git(tmp_path, "rev-parse", target))
        with pytest.raises(HistoryFault, match="refs/autoresearch/t/7 is not an attempt") as fault:
            read(tmp_path, "t")
        git(tmp_path, *str(fault.value.next_command).split()[1:])
        assert len(read(tmp_path, "t").in_flight) == 1


def test_refs_that_were_deleted_cost_their_attempts_only(tmp_path: Path) -> None:
    begun(tmp_path)
    git(tmp_path, "update-ref", "-d", "refs/autoresearch/t/3")
    assert [trial.number for trial in go_on(tmp_path, "t")] == [0, 1, 2, 3]


def test_a_ref_under_another_number_ends_with_its_verdict(tmp_path: Path) -> None:
    begun(tmp_path)
    git(tmp_path, "update-ref", "refs/autoresearch/t/9", "refs/autoresearch/t/3")
    git(tmp_path, "update-ref", "-d", "refs/autoresearch/t/3")
    assert [trial.number for trial in go_on(tmp_path, "t")] == [0, 1, 2, 3]
    assert flights(tmp_path) == []


@pytest.mark.parametrize("name", ["program.md", "train.py", "prepare.py"])
def test_a_branch_that_lost_a_file_of_the_project(tmp_path: Path, name: str) -> None:
    begun(tmp_path)
    worktree = tmp_path / ".autoresearch/worktrees/t"
    git(worktree, "rm", "-q", name)
    git(worktree, "commit", "-qm", "lost")
    assert len(read(tmp_path, "t").trials) == 3, "it can be read"
    if name == "program.md":
        with opened(tmp_path, "t") as history:
            assert history.program == ""
            assert any("no program.md any more" in warning for warning in history.warnings)
        return
    with pytest.raises(HistoryFault, match=f"{name} is not in the commit") as fault:
        opened(tmp_path, "t")
    restore, commit = str(fault.value.next_command).split(" && ")
    git(tmp_path, *restore.split()[1:])
    git(tmp_path, *commit.split()[1:])
    opened(tmp_path, "t").__exit__(None, None, None)


def test_a_file_of_the_project_that_became_a_link_on_the_branch(tmp_path: Path) -> None:
    begun(tmp_path)
    worktree = tmp_path / ".autoresearch/worktrees/t"
    (worktree / "prepare.py").unlink()
    (worktree / "prepare.py").symlink_to("/etc/passwd")
    git(worktree, "commit", "-qam", "a link")
    with pytest.raises(HistoryFault, match=r"prepare\.py is no plain file"):
        opened(tmp_path, "t")


def test_a_forged_number_leaves_none_to_go_on_with(tmp_path: Path) -> None:
    begun(tmp_path)
    trials = read(tmp_path, "t").trials
    message = git(tmp_path, "show", "-s", "--format=%B", trials[2].verdict).replace(
        "Trial: 2", f"Trial: {2**63 - 1}"
    )
    tree, first, second = git(tmp_path, "show", "-s", "--format=%T %P", trials[2].verdict).split()
    tip = git(tmp_path, "commit-tree", tree, "-p", first, "-p", second, "-m", message)
    git(tmp_path, "update-ref", "refs/heads/autoresearch/t", tip)
    assert read(tmp_path, "t").trials[-1].number == 2**63 - 1
    with (
        opened(tmp_path, "t") as history,
        pytest.raises(HistoryFault, match="no number behind that"),
    ):
        Ledger(history, read_space).begin(proposal(LR=0.2))


def test_git_locks_that_a_killed_git_left_do_not_stop_a_resume(tmp_path: Path) -> None:
    begun(tmp_path)
    with opened(tmp_path, "t") as history:
        worktree = history.worktree
    locks = [
        tmp_path / ".git/refs/heads/autoresearch/t.lock",
        tmp_path / ".git/refs/autoresearch/t/1.lock",
        tmp_path / ".git/refs/autoresearch/t/2.lock",
        Path(git(worktree, "rev-parse", "--path-format=absolute", "--git-path", "index.lock")),
    ]
    for lock in locks:
        lock.touch()
    assert go_on(tmp_path, "t", LR=0.3)
    assert not [lock for lock in locks if lock.exists()]


def test_what_a_killed_process_left_is_removed_when_the_run_is_opened(tmp_path: Path) -> None:
    begun(tmp_path)
    runs = tmp_path / ".autoresearch" / "runs" / "t"
    for left in (
        "autoresearch-index-dead",
        "trials/0003/autoresearch-index-dead",
        "trials/0003/train-0/scratch",
    ):
        (runs / left).mkdir(parents=True)
    (runs / "trials" / "0003" / "train-0.log").write_text("kept\n")
    with opened(tmp_path, "t"):
        assert not list(runs.rglob("autoresearch-index-*"))
        assert [path.name for path in (runs / "trials" / "0003").iterdir()] == ["train-0.log"]
