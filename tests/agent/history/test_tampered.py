"""Records that somebody has changed: what git says goes, and a mistake is named."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent.errors import HistoryFault
from agent.history.commits import Commit
from agent.history.entries import Measured, Unknown, read_entry, refuse_off_scale
from agent.history.messages import attempt_message, verdict_message
from agent.history.timeline import Timeline
from agent.records.objective import Sense
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Trial
from tests.agent.history.strategies import an_example, run_settings
from tests.agent.history.test_format2 import changed, committed


def test_where_a_record_stands_is_said_by_git_and_not_by_the_record() -> None:
    trial = an_example()
    forged = changed(verdict_message(trial), attempt="e" * 40, verdict="f" * 40, new_data=True)
    read = read_entry(committed(forged))
    assert isinstance(read, Trial)
    assert (read.attempt, read.verdict, read.new_data) == ("a" * 40, "c" * 40, False)
    message = changed(attempt_message(3, trial.proposal), commit="e" * 40, parent="f" * 40)
    attempt = read_entry(committed(message, ["b" * 40]))
    assert isinstance(attempt, Attempt)
    assert (attempt.commit, attempt.parent) == ("c" * 40, "b" * 40)


def test_a_mistake_beside_a_name_of_a_newer_version_is_still_a_mistake() -> None:
    message = changed(verdict_message(an_example()), horizon=1)
    assert isinstance(read_entry(committed(message)), Unknown)
    with pytest.raises(HistoryFault, match="cannot be read"):
        read_entry(committed(changed(message, number=-1)))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("trial", "the verdict"),
        ("attempt", "the attempt"),
        ("measured", "the note"),
        ("comparison", "the measurement"),
        ("rejection", "the rejection"),
        ("data", "the change of data"),
        ("input", "the input"),
        ("opening", "the opening of the test split"),
    ],
)
def test_a_record_that_lost_its_fields_is_named_as_what_it_was(kind: str, what: str) -> None:
    empty = committed(f'what it says\n\nAutoresearch: {{"record": "{kind}"}}\n')
    with pytest.raises(HistoryFault, match=f"^{what} cccccccccccc cannot be read: ") as fault:
        read_entry(empty)
    assert fault.value.next_command == "git show cccccccccccc"


def test_a_trailer_of_another_tool_beside_the_record_is_left_alone() -> None:
    trial = an_example()
    message = verdict_message(trial).rstrip("\n") + '\nReviewed-by: "Autoresearch: {"\n'
    assert read_entry(committed(message)) == read_entry(committed(verdict_message(trial)))


@pytest.mark.parametrize(
    "fields", [{"pairs": [{"seed": 0, "candidate": -1.0, "incumbent": 1.0}]}, {"estimate": -1.0}]
)
def test_no_score_of_a_verdict_is_off_the_scale_of_its_metric(fields: dict[str, Any]) -> None:
    commit = committed(changed(verdict_message(an_example()), **fields))
    entry = read_entry(commit)
    refuse_off_scale(commit, entry, Sense(scale="linear"))
    with pytest.raises(HistoryFault, match="a score of -1, which is not on the scale log"):
        refuse_off_scale(commit, entry, Sense(scale="log"))


def test_a_note_of_nothing_is_none() -> None:
    with pytest.raises(ValidationError, match="a note of nothing"):
        Measured()


def test_only_the_first_baseline_on_other_data_begins_anew() -> None:
    timeline = Timeline(run_settings(), Commit("s", "t", [], ""))
    by = {"method": "baseline", "origin": "baseline"}
    made = Proposal.model_validate({"hypothesis": "as it is", "by": by})
    score = {"value": 1.0, "seed": 0, "kind": "sealed"}
    fields = {"status": "baseline", "proposal": made, "reason": "r"}
    fields |= {"result": {"status": "scored", "scores": [score]}}
    trials = [Trial.model_validate({"number": number, **fields}) for number in range(4)]
    begun = [timeline.add_trial(trial).new_data for trial in trials[:2]]
    timeline.begin_data("b" * 64, "c")
    begun += [timeline.add_trial(trial).new_data for trial in trials[2:]]
    assert begun == [False, False, True, False]
