"""Which trials a proposal repeats, read from a branch that others may have written."""

from pathlib import Path

from agent.records.proposals import Proposal, Provenance
from agent.run.replaying import replayed_by
from tests.agent.run.test_weighing import on_record
from tests.agent.study import study


def repeating(number: int) -> Proposal:
    by = Provenance(method="list", origin="replay", replays=number)
    return Proposal(hypothesis="again", by=by)


def test_a_forged_cycle_of_repetitions_is_followed_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        on_record(history, "discard", 1, proposal=repeating(2))
        on_record(history, "discard", 2, proposal=repeating(1))
        trials = replayed_by(history, repeating(1))
    assert [trial.number for trial in trials] == [1, 2]
