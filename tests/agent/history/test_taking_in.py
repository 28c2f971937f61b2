"""What is written on a branch besides verdicts, and commits by hand that come in between."""

from pathlib import Path

import pytest

from agent.errors import BranchMoved, HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.messages import measured_message
from agent.records.inputs import Admitted, Brief, Reject, Tell
from agent.records.losses import loss_of
from agent.records.objective import Objective
from agent.records.results import Attempt, Trial
from agent.run.inbox import new_input
from tests.agent.history.nights import commit, reopened, scored
from tests.agent.history.test_format2 import changed
from tests.agent.study import TRAIN, project_of, proposal, study
from tests.e2e.researcher import git


def admitted(ask: Tell | Brief | Reject, accepted: bool = True) -> Admitted:
    asked = new_input(ask, "ada")
    return Admitted(input=asked, at=asked.sent, accepted=accepted)


def test_commits_by_hand_are_taken_in_once_and_only_the_newest_has_to_be_whole(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        git(history.worktree, "rm", "-q", "train.py")
        git(history.worktree, "commit", "-qm", "gone")
        commit(tmp_path, "back", train_py=TRAIN + "MORE = 1\n")
        history.take_in()
        taken = history.taken_in()
        assert [each.message for each in taken] == ["gone\n", "back\n"]
        assert history.taken_in() == []
        assert history.tip == taken[-1].id == history.foreign_commits[-1]
        assert history.sources.text == TRAIN + "MORE = 1\n"
        assert reopened(tmp_path).foreign_commits == history.foreign_commits
        git(history.worktree, "rm", "-q", "train.py")
        git(history.worktree, "commit", "-qm", "gone again")
        with pytest.raises(HistoryFault, match=r"train\.py is not in the commit"):
            history.take_in()


def test_a_note_goes_behind_a_commit_by_hand_that_came_before_it(tmp_path: Path) -> None:
    note = admitted(Tell(text="try warmup"))
    with study(tmp_path) as history:
        commit(tmp_path, train_py=TRAIN + "MORE = 1\n")
        history.admit(note)
        assert history.inputs == (note,)
        assert history.sources.text == TRAIN + "MORE = 1\n"
        assert len(history.foreign_commits) == 1
        assert (reopened(tmp_path).inputs, reopened(tmp_path).tip) == ((note,), history.tip)


def test_an_input_counts_once_and_only_an_accepted_one_has_an_effect(tmp_path: Path) -> None:
    no = admitted(Brief(text="# No\n"), accepted=False)
    yes = admitted(Brief(text="# Yes\n"))
    rejected = [admitted(Reject(number=n, because="x"), accepted=n == 1) for n in (1, 2)]
    with study(tmp_path) as history:
        before = history.program
        history.admit(no)
        assert history.program == before
        history.admit(yes)
        assert history.program == "# Yes\n" == (history.worktree / "program.md").read_text()
        for each in (*rejected, yes):
            history.admit(each)
        assert history.inputs == (no, yes, *rejected)
        assert [rejection.number for rejection in history.rejections] == [1]
        assert history.foreign_commits == () and history.warnings == []
    again = reopened(tmp_path)
    assert (again.inputs, again.rejections) == (history.inputs, history.rejections)
    assert again.program == "# Yes\n" and again.foreign_commits == ()


def test_a_verdict_reads_in_the_direction_of_its_metric(tmp_path: Path) -> None:
    highest = Objective(metric="acc", direction="maximize")
    with study(tmp_path, objective=highest) as history:
        attempt = history.draft(0, proposal(LR=0.2), history.sources)
        fields = {"number": 0, "status": "discard", "proposal": attempt.proposal, "reason": "r"}
        worse = Trial.model_validate({**fields, "result": scored(0.5), "delta": 0.1})
        history.commit_verdict(attempt, worse)
        subject = git(tmp_path, "show", "-s", "--format=%s", history.tip)
    assert subject == "#0 discard 0.500000 (-0.100000) try it"


def test_what_git_cannot_write_is_its_own_fault_and_nothing_is_recorded(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        tip = history.tip
        draft = history.draft_prepare("OTHER = 1\n")
        lock = tmp_path / ".git/refs/heads/autoresearch/t.lock"
        lock.touch()
        with pytest.raises(HistoryFault) as fault:
            history.change_data(draft, "b" * 64, "why")
        assert not isinstance(fault.value, BranchMoved), "the branch is where it was"
        lock.unlink()
        assert (history.tip, history.foreign_commits) == (tip, ())
        history.change_data(draft, "b" * 64, "why")
        assert history.data_fingerprint == "b" * 64


def test_other_data_is_not_taken_onto_a_branch_that_moved(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        draft = history.draft_prepare("OTHER = 1\n")
        commit(tmp_path, train_py=TRAIN + "MORE = 1\n")
        with pytest.raises(BranchMoved, match="during the change of data"):
            history.change_data(draft, "b" * 64, "why")
        assert history.data_fingerprint is None


def test_a_change_of_data_needs_a_baseline_and_tells_what_was_proposed_before_it(
    tmp_path: Path,
) -> None:
    with study(tmp_path, data_fingerprint="a" * 64) as history:
        before = history.tip
        draft = history.draft_prepare("OTHER = 1\n", {"data.txt": "two\n"})
        assert history.file_at(draft, "data.txt") == "two\n"
        history.change_data(draft, "b" * 64, "why")
        for each in (history, reopened(tmp_path)):
            assert each.foreign_commits == (each.tip,)
            assert each.on_other_data(before) and not each.on_other_data(each.tip)


# ---------------------------------------------------------------- attempts in flight

LOSS = loss_of("m", "node-a", "it died", own=True)


def flying(history: History, number: int = 0) -> Attempt:
    """Return an attempt in flight with a result between two losses."""
    attempt = history.commit_attempt(number, proposal(LR=0.2), history.sources)
    history.lose(attempt, LOSS)
    history.note(attempt, scored(0.5))
    history.lose(attempt, LOSS)
    return attempt


def test_results_and_losses_of_an_attempt_are_both_kept(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = flying(history)
        for each in (history, reopened(tmp_path)):
            assert each.measured(attempt) == scored(0.5)
            assert each.losses(attempt) == (LOSS, LOSS)
        assert list(history.begun()) == [attempt.commit]


def test_an_attempt_with_another_number_keeps_what_was_measured(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        flying(history)
        [flight] = history.flights
        history.flights.renumber(flight, 6)
        for each in (history, reopened(tmp_path)):
            [attempt] = each.in_flight
            assert attempt.number == 6
            assert (each.measured(attempt), each.losses(attempt)) == (scored(0.5), (LOSS, LOSS))


def test_a_note_of_a_newer_version_is_named(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = flying(history)
    message = changed(measured_message(attempt, scored(0.4)), horizon=1).encode()
    options = ("-p", attempt.commit, "-F", "-")
    tree = f"{attempt.commit}^{{tree}}"
    note = Plumbing(tmp_path)("commit-tree", tree, *options, stdin=message).strip()
    git(tmp_path, "update-ref", "refs/autoresearch/t/0", note)
    [warning] = reopened(tmp_path).warnings
    assert f"{note[:12]} holds a field called 'horizon', unknown" in warning
    with pytest.raises(HistoryFault, match="horizon"):
        History.open(project_of(tmp_path), "t")


@pytest.mark.parametrize("gone", [False, True])
def test_a_reference_that_somebody_moved_is_not_written_over(tmp_path: Path, gone: bool) -> None:
    with study(tmp_path) as history:
        attempt = flying(history)
        if gone:
            git(tmp_path, "update-ref", "-d", "refs/autoresearch/t/0")
        else:
            git(tmp_path, "update-ref", "refs/autoresearch/t/0", attempt.commit)
        with pytest.raises(HistoryFault, match="refs/autoresearch/t/0") as fault:
            history.note(attempt, scored(0.4))
        assert str(fault.value.next_command).startswith("autoresearch resume")
        left = git(tmp_path, "for-each-ref", "--format=%(objectname)", "refs/autoresearch")
        assert left == ("" if gone else attempt.commit)


def test_a_reader_leaves_what_a_killed_process_left(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = history.draft(0, proposal(LR=0.2), history.sources)
        fields = {"number": 0, "status": "refused", "proposal": attempt.proposal, "reason": "r"}
        history.commit_verdict(attempt, Trial.model_validate(fields))
        assert list(history.begun()) == [attempt.commit]
    git(tmp_path, "update-ref", "refs/autoresearch/t/0", attempt.commit)
    assert reopened(tmp_path).in_flight == ()
    assert git(tmp_path, "for-each-ref", "refs/autoresearch") != ""
    History.open(project_of(tmp_path), "t").close()
    assert git(tmp_path, "for-each-ref", "refs/autoresearch") == ""


def test_an_attempt_on_a_lost_commit_is_refused_under_a_number_that_is_free(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        start = history.tip
        commit(tmp_path, train_py=TRAIN + "MORE = 1\n")
        history.take_in()
        attempt = history.commit_attempt(0, proposal(LR=0.2), history.sources)
    git(history.worktree, "reset", "-q", "--hard", start)
    git(tmp_path, "update-ref", "-d", "refs/autoresearch/t/0")
    with History.open(project_of(tmp_path), "t") as history:
        other = history.draft(0, proposal(LR=0.3), history.sources)
        fields = {"number": 0, "status": "refused", "proposal": other.proposal, "reason": "r"}
        history.commit_verdict(other, Trial.model_validate(fields))
    git(tmp_path, "update-ref", "refs/autoresearch/t/0", attempt.commit)
    with History.open(project_of(tmp_path), "t") as history:
        assert history.in_flight == ()
        assert [trial.number for trial in history.trials] == [0, 1]
        assert history.trials[1].reason.endswith("; it was #0 there")


def test_attempts_of_a_renamed_run_and_own_ones_with_their_numbers_are_all_kept(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        own = history.commit_attempt(0, proposal(LR=0.2), history.sources)
        other = history.draft(0, proposal(LR=0.3), history.sources)
        over = history.draft(5, proposal(LR=0.4), history.sources)
        fields = {"number": 5, "status": "refused", "proposal": over.proposal, "reason": "r"}
        history.commit_verdict(over, Trial.model_validate(fields))
    git(tmp_path, "update-ref", "refs/autoresearch/old/5", over.commit)  # judged here by now
    git(tmp_path, "update-ref", "refs/autoresearch/old/0", other.commit)
    message = git(tmp_path, "show", "-s", "--format=%B", other.commit)
    foreign = git(tmp_path, "commit-tree", "main^{tree}", "-p", "main", "-m", message)
    git(tmp_path, "update-ref", "refs/autoresearch/gone/0", foreign)
    git(tmp_path, "update-ref", "refs/autoresearch/t/inbox/k-1", "HEAD")  # an input, no attempt
    with History.open(project_of(tmp_path), "t") as history:
        flying_now = {attempt.number: attempt.proposal for attempt in history.in_flight}
    assert flying_now == {0: own.proposal, 6: other.proposal}
    assert git(tmp_path, "for-each-ref", "refs/autoresearch/old/0") == ""
    assert git(tmp_path, "rev-parse", "refs/autoresearch/gone/0") == foreign
    assert not (tmp_path / ".autoresearch" / "runs" / "gone").exists()
