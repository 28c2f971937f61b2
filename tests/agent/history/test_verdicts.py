"""A number has one verdict, whatever was merged, squashed or deleted on its branch."""

import threading
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.flights import readable_flights
from agent.history.history import History
from agent.history.runs import sweep_git_locks
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.history.forks import (
    begun,
    flights,
    go_on,
    opened,
    read,
)
from tests.agent.study import ListProposer, loop_of, project_of, proposal, settings_of, study
from tests.e2e.researcher import git

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


def test_a_verdict_that_somebody_copied_is_a_commit_by_hand(tmp_path: Path) -> None:
    begun(tmp_path)
    first = read(tmp_path, "t").trials
    worktree = tmp_path / ".autoresearch/worktrees/t"
    again = ("cherry-pick", "-m", "1", "-X", "theirs", "--allow-empty", "--keep-redundant-commits")
    with opened(tmp_path, "t") as history:
        git(worktree, *again, first[1].verdict)
        history.take_in()
        assert [commit.id for commit in history.taken_in()] == [history.tip]
    copied = read(tmp_path, "t")
    assert copied.trials == first
    [warning] = copied.warnings
    assert f"without an attempt: {copied.tip[:12]}" in warning
    assert [trial.number for trial in go_on(tmp_path, "t", DEPTH=8)][:3] == [0, 1, 2]


def test_words_that_quote_a_record_begin_no_run(tmp_path: Path) -> None:
    """As those of squashed commits do."""
    begun(tmp_path)
    before = read(tmp_path, "t")
    first = git(tmp_path, "log", "-1", "--format=%B", "--grep=^start t", before.tip)
    worktree = tmp_path / ".autoresearch/worktrees/t"
    git(worktree, "commit", "-q", "--allow-empty", "-m", f"squashed\n\n{first}\n\nnothing new")
    assert read(tmp_path, "t").trials == before.trials


# ---------------------------------------------------------------- merges


def test_an_attempt_that_the_user_merges_is_a_change_by_hand(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    worktree = tmp_path / ".autoresearch/worktrees/t"
    git(worktree, "commit", "-q", "--allow-empty", "-m", "before")
    git(worktree, "merge", "-q", "-X", "theirs", attempt.commit, "-m", "mine now")
    again = read(tmp_path, "t")
    assert again.foreign_commits == (again.tip,)
    assert [trial.number for trial in again.trials] == [0, 1, 2]
    trials = go_on(tmp_path, "t", LR=0.4)
    assert "baseline" in [trial.status for trial in trials[3:]]


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


def test_a_cherry_picked_attempt_is_taken_off_with_what_came_behind(tmp_path: Path) -> None:
    attempt = begun(tmp_path)
    branch = "refs/heads/autoresearch/t"
    picked = attempt.commit
    for message in (git(tmp_path, "log", "-1", "--format=%B", picked), "by hand", "by hand"):
        options = ("-p", branch, "-m", message)
        git(
            tmp_path,
            "update-ref",
            branch,
            git(tmp_path, "commit-tree", f"{picked}^{{tree}}", *options),
        )
    with pytest.raises(HistoryFault, match="a cherry-pick or a fast-forward") as fault:
        read(tmp_path, "t")
    git(tmp_path, *str(fault.value.next_command).split("#")[0].split()[1:])
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


def test_an_attempt_that_is_gone_is_named(tmp_path: Path) -> None:
    begun(tmp_path)
    kept = read(tmp_path, "t").trials[1].attempt
    (tmp_path / ".git" / "objects" / kept[:2] / kept[2:]).unlink()
    with pytest.raises(HistoryFault, match=f"{kept} or its tree is missing") as fault:
        read(tmp_path, "t")
    assert str(fault.value.next_command).startswith("git fsck")


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
        assert readable_flights(Plumbing(tmp_path), "t") == []
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
        '"number": 2,', f'"number": {2**63 - 1},'
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


def test_a_git_that_is_at_work_keeps_its_lock_for_a_moment(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        lock = tmp_path / ".git/refs/heads/autoresearch/t.lock"
        lock.touch()
        there: list[bool] = []

        def end() -> None:
            there.append(lock.exists())
            lock.unlink(missing_ok=True)

        timer = threading.Timer(0.1, end)
        timer.start()
        sweep_git_locks(Plumbing(tmp_path), history.project, "t")
        timer.join()
    assert there == [True]


def test_what_a_killed_process_left_is_removed_when_the_run_is_opened(tmp_path: Path) -> None:
    begun(tmp_path)
    runs = tmp_path / ".autoresearch" / "runs" / "t"
    for left in (
        "autoresearch-index-deadly_1",
        "trials/0003/autoresearch-index-deadly_1",
        "trials/0003/train-0/scratch",
        "trials/rooms/0/scratch",
    ):
        (runs / left).mkdir(parents=True)
    (runs / "trials" / "0003" / "train-0.log").write_text("kept\n")
    with opened(tmp_path, "t"):
        assert not list(runs.rglob("autoresearch-index-*"))
        assert [path.name for path in (runs / "trials" / "0003").iterdir()] == ["train-0.log"]
        assert not list((runs / "trials" / "rooms").iterdir())
