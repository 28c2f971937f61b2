"""Commits that a person makes on a run's branch while it works."""

from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.messages import rejection_message
from agent.judge.suspicion import Rejection
from agent.records.events import Note, RunFinished
from agent.space import read_constants
from tests.agent.run.steered import MANY, Steered, statuses, work
from tests.agent.study import (
    ListProposer,
    commit_by_hand,
    loop_of,
    project_of,
    proposal,
    study,
)

pytestmark = pytest.mark.usefixtures("quick")


def test_a_brief_committed_by_hand_is_taken_in(tmp_path: Path) -> None:
    def edit() -> None:
        (history.worktree / "program.md").write_text("# By hand\n")
        commit_by_hand(history.worktree)

    with study(tmp_path) as history:
        proposer = ListProposer(MANY)
        script = Steered(history, "LR = 0.2", edit)
        events = list(loop_of(history, proposer, script, 2, heard=True).events())
        assert statuses(history) == ["baseline", "keep", "keep"]
        assert [context.program for context in proposer.contexts][1:] == ["# By hand\n"]
        assert history.program == "# By hand\n"
        notes = [event.text for event in events if isinstance(event, Note)]
        assert any("by hand (by hand) holds from the next proposal on" in note for note in notes)


def test_a_brief_by_hand_during_the_baseline_loses_no_run(tmp_path: Path) -> None:
    def edit() -> None:
        (history.worktree / "program.md").write_text("# By hand\n")
        commit_by_hand(history.worktree)

    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.1", edit)
        work(history, script, trials=1)
        assert statuses(history) == ["baseline", "keep"]
        assert len(script.trained) == 3


def test_sources_committed_by_hand_get_a_baseline_and_end_nothing(tmp_path: Path) -> None:
    def edit() -> None:
        source = (history.worktree / "train.py").read_text()
        (history.worktree / "train.py").write_text(source.replace("DEPTH = 4", "DEPTH = 8"))
        commit_by_hand(history.worktree)

    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", edit)
        events = work(history, script, trials=2)
        assert statuses(history) == ["baseline", "discard", "baseline", "keep"]
        notes = [event.text for event in events if isinstance(event, Note)]
        assert any("(by hand) changed what runs: a new baseline follows" in n for n in notes)
        overtaken = history.trials[1]
        replay = history.trials[3]
        assert "tried again on the new one" in overtaken.reason
        assert replay.proposal.by.replays == overtaken.number
        assert read_constants(history.sources.text) == {"LR": 0.2, "DEPTH": 8, "SEED": 1}
    with History.read(project_of(tmp_path), "t") as again:
        assert again.foreign_commits == ()
        assert [trial.status for trial in again.trials] == statuses(history)


def test_sources_changed_during_the_baseline_get_one_of_their_own(tmp_path: Path) -> None:
    def edit() -> None:
        source = (history.worktree / "train.py").read_text()
        (history.worktree / "train.py").write_text(source.replace("DEPTH = 4", "DEPTH = 8"))
        commit_by_hand(history.worktree)

    with study(tmp_path) as history:
        script = Steered(history, "DEPTH = 4", edit)
        work(history, script, [proposal(LR=0.3)], trials=1)
        assert statuses(history) == ["refused", "baseline", "keep"]
        assert history.trials[1].configuration["DEPTH"] == 8


def test_other_data_by_hand_ends_the_session_after_what_trains(tmp_path: Path) -> None:
    def edit() -> None:
        (history.worktree / "prepare.py").write_text("MAX_SEQ_LEN = 32\n")
        commit_by_hand(history.worktree)

    with study(tmp_path) as history:
        events = work(history, Steered(history, "LR = 0.2", edit), trials=3)
        assert statuses(history) == ["baseline", "discard"]
        last = events[-1]
        assert isinstance(last, RunFinished)
        assert "prepare.py was changed by hand: `autoresearch resume`" in last.reason


@pytest.mark.parametrize("how", ["set back", "deleted", "another process"])
def test_a_branch_that_was_set_back_ends_the_run_and_is_left(tmp_path: Path, how: str) -> None:
    git = Plumbing(tmp_path)
    reference = "refs/heads/autoresearch/t"

    def set_back() -> None:
        if how == "deleted":
            git("update-ref", "-d", reference)
            return
        target = "autoresearch/t^"
        if how == "another process":
            message = rejection_message(Rejection(number=0, at="")).encode()
            tree = ["-p", "autoresearch/t", "autoresearch/t^{tree}"]
            target = git("commit-tree", *tree, "-F", "-", stdin=message).strip()
        git("update-ref", reference, target)

    with study(tmp_path) as history, pytest.raises(HistoryFault) as fault:
        work(history, Steered(history, "LR = 0.2", set_back), trials=2)
    assert how in fault.value.message
    assert fault.value.next_command
