"""What is tried again of a winner, and which trials a proposal repeats."""

from pathlib import Path

from agent.edit.files import Sources, apply_edits
from agent.history.history import History
from agent.records.edits import Edit, RenameFile, SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Trial
from agent.run.replaying import replay_of, replayed_by
from tests.agent.history.files import begin, repository
from tests.agent.run.test_runs import result, score
from tests.agent.run.test_weighing import on_record
from tests.agent.study import proposal, study


def repeating(number: int) -> Proposal:
    by = Provenance(method="list", origin="replay", replays=number)
    return Proposal(hypothesis="again", by=by)


def test_a_forged_cycle_of_repetitions_is_followed_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        on_record(history, "discard", 1, proposal=repeating(2))
        on_record(history, "discard", 2, proposal=repeating(1))
        trials = replayed_by(history, repeating(1))
    assert [trial.number for trial in trials] == [1, 2]


def test_only_repetitions_that_were_measured_count(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        sources = history.sources
        on_record(history, "discard", 1)
        for number in (2, 3, 4):
            fields = {"proposal": repeating(number - 1), "result": None}
            on_record(history, "refused", number, **fields)
        again = replay_of(history, history.draft(5, repeating(4), sources))
        assert again is not None and again.by.replays == 5
        on_record(history, "discard", 6, proposal=repeating(4))
        assert replay_of(history, history.draft(7, repeating(6), sources)) is None


def attempt_of(history: History, number: int, edit: Edit) -> Attempt:
    sources = apply_edits(history.sources, [edit])
    assert isinstance(sources, Sources)
    return history.draft(number, proposal(edit), sources)


def test_a_winner_is_tried_again_on_files_that_were_renamed_meanwhile(tmp_path: Path) -> None:
    rate = SetConstant(file="conf/base.yaml", name="lr", value="0.2")
    with begin(repository(tmp_path)) as history:
        winner = attempt_of(history, 1, rate)
        edit = RenameFile(file="conf/base.yaml", to="conf/new.yaml")
        renaming = attempt_of(history, 2, edit)
        fields = {"number": 2, "status": "keep", "reason": "r", "result": result(score())}
        kept = Trial.model_validate({**fields, "proposal": renaming.proposal})
        history.commit_verdict(renaming, kept)
        again = replay_of(history, winner)
    assert again is not None
    assert again.edits == (rate.model_copy(update={"file": "conf/new.yaml"}),)
