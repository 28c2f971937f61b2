"""Format 1, which is only read: what older versions wrote comes back equal, forged or not."""

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit.literal import evaluate
from agent.errors import HistoryFault
from agent.history.commits import Commit
from agent.history.entries import Copied, Measured, NewData, is_attempt, read_entry, read_run
from agent.judge.suspicion import Rejection
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Result, Score, Trial
from agent.space import read_constants
from tests.agent.history import old_messages
from tests.agent.history.strategies import (
    PROPOSAL,
    SETTINGS,
    an_example,
    run_settings,
    trials,
    types_in,
)


def committed(message: str, parents: list[str] | None = None) -> Commit:
    """Return a commit with this message; a verdict's parents unless others are given."""
    parents = ["b" * 40, "a" * 40] if parents is None else parents
    return Commit("c" * 40, "d" * 40, parents, message)


@SETTINGS
@given(trials())
def test_a_trial_comes_back_as_it_was(trial: Trial) -> None:
    again = read_entry(committed(old_messages.verdict(trial)))
    assert types_in(again) == types_in(trial)
    assert again == trial


@SETTINGS
@given(PROPOSAL, st.integers(0, 10**6))
def test_an_attempt_comes_back_as_it_was(proposal: Proposal, number: int) -> None:
    commit = committed(old_messages.attempt(number, proposal), ["b" * 40])
    attempt = Attempt(number=number, commit="c" * 40, parent="b" * 40, proposal=proposal)
    assert read_entry(commit) == attempt
    assert is_attempt(commit)


# As a version before format 2 wrote it, but for the values.
OLD_VERDICT = """#8 keep try it

better

Trial: 8
Status: keep
Reason: better
Against: 5
Pairs: [{"seed": 1, "candidate": 0.5, "incumbent": 0.75}]
Delta: -0.25
Interval: [-0.5, -0.125]
Estimate: 0.5
Charge: 0.0625
Changes: [{"name": "LR", "before": 0.5, "after": 0.25}]
Configuration: {"LR": 0.25}
Fingerprint: "f1"
At: "2026-11-29T01:00:00+00:00"
Result: scored
Scores: [{"value": 0.5, "seed": 1, "kind": "sealed"}]
Curve: [[0.5, 2.5]]
Seconds: 2.0
Score-Seconds: 3.0
Peak-Memory-MB: 4.0
Parameters: 5
Facts: {"steps": 6}
Tier: bubblewrap
Detail: "as it was"
Recheck: passed
Tail: "the end"
Method: tree
Origin: llm
Model: "m-1"
Input-Tokens: 7
Cached-Tokens: 8
Output-Tokens: 9
Cost: 0.5
Proposal-Seconds: 10.0
Calls: 11
Drafts-Refused: 12
Replays: 13
Repairs: 14
Exchanges: ["e1"]
Hypothesis: "try it"
Rationale: because
Expected: -0.5
Then: [{"LR": 0.125}]
Edits: [{"kind": "set_constant", "name": "LR", "value": "0.25"}]
"""


def test_every_trailer_of_an_old_verdict_is_read() -> None:
    trial = read_entry(committed(OLD_VERDICT))
    assert isinstance(trial, Trial)
    assert trial.model_dump(exclude_defaults=True, exclude={"proposal", "result"}) == {
        "number": 8,
        "status": "keep",
        "reason": "better",
        "against": 5,
        "delta": -0.25,
        "interval": (-0.5, -0.125),
        "estimate": 0.5,
        "charge": 0.0625,
        "fingerprint": "f1",
        "pairs": ({"seed": 1, "candidate": 0.5, "incumbent": 0.75},),
        "changes": ({"name": "LR", "before": 0.5, "after": 0.25},),
        "configuration": {"LR": 0.25},
        "at": "2026-11-29T01:00:00+00:00",
        "attempt": "a" * 40,
        "verdict": "c" * 40,
    }
    assert trial.result is not None
    assert trial.result.model_dump(exclude_defaults=True) == {
        "status": "scored",
        "curve": ((0.5, 2.5),),
        "seconds": 2.0,
        "score_seconds": 3.0,
        "peak_memory_mb": 4.0,
        "parameters": 5,
        "facts": {"steps": 6},
        "tier": "bubblewrap",
        "detail": "as it was",
        "recheck": "passed",
        "tail": "the end",
        "scores": ({"value": 0.5, "seed": 1, "kind": "sealed"},),
    }
    assert trial.proposal.model_dump(exclude_defaults=True) == {
        "hypothesis": "try it",
        "rationale": "because",
        "expected": -0.5,
        "then": ({"LR": 0.125},),
        "edits": ({"name": "LR", "value": "0.25"},),
        "by": {
            "method": "tree",
            "origin": "llm",
            "model": "m-1",
            "input_tokens": 7,
            "cached_tokens": 8,
            "output_tokens": 9,
            "cost": 0.5,
            "seconds": 10.0,
            "calls": 11,
            "refused": 12,
            "replays": 13,
            "repairs": 14,
            "exchanges": ("e1",),
        },
    }


def test_every_other_record_comes_back_as_it_was() -> None:
    result = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="sealed"),))
    assert read_entry(committed(old_messages.measured(3, result))) == Measured(result=result)
    run = run_settings()
    assert read_run(committed(old_messages.run(run))) == (run, [])
    rejection = Rejection(number=7, because="b", at="2026-11-29T01:00:00+00:00")
    assert read_entry(committed(old_messages.rejection(rejection))) == rejection
    other = NewData(fingerprint="abc")
    assert read_entry(committed("other data\n\nData-Fingerprint: abc\n")) == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Status: keep", "Status: kept"),
        ("Status: keep", "Status: crash"),
        ("Trial: 8", "Trial: -8"),
        ("Trial: 8", "Trial: eight"),
        ('"value": 0.974729', '"value": NaN'),
        ('"value": 0.974729', '"value": Infinity'),
        ("Delta: -0.006174", "Delta: NaN"),
        ("Result: scored\n", ""),
        ('Hypothesis: "', "Hypothesis: "),
        ("Edits: [", "Edits: [["),
        ('"kind": "set_constant"', '"kind": "rm"'),
        ("Reason: better\n", ""),
        ("Cost: 0.25", "Cost: -1"),
        ("Curve: [[0.5, 2.5]]", "Curve: [[0.5]]"),
        ("Origin: llm", "Origin: god"),
        ("Seconds: 0.0\n", "Seconds: 0.0\nTrial: nine\n"),
        ("Delta: -0.006174", "Delta: " + "[" * 100_000),
    ],
    ids=lambda text: text[:20],
)
def test_a_verdict_edited_by_hand_is_a_fault(old: str, new: str) -> None:
    """The format is closed: a name that it does not have is no newer version's."""
    message = old_messages.verdict(an_example())
    assert old in message
    with pytest.raises(HistoryFault) as fault:
        read_entry(committed(message.replace(old, new)))
    assert str(fault.value.next_command).startswith("git ")


def test_a_verdict_cut_off_anywhere_is_a_fault_or_no_verdict() -> None:
    message = old_messages.verdict(an_example())
    for end in range(len(message) - 2):
        try:
            assert read_entry(committed(message[:end])) is None
        except HistoryFault:
            continue


@pytest.mark.parametrize("parents", [[], ["b" * 40], ["b" * 40, "a" * 40, "d" * 40]])
def test_a_verdict_has_two_parents_and_with_others_it_is_a_copy(parents: list[str]) -> None:
    commit = committed(old_messages.verdict(an_example()), parents)
    assert read_entry(commit) == Copied(commit.id)


@pytest.mark.parametrize("forged", [{"number": 10**400}, {"number": -1}, {"at": "soon"}, {"x": 1}])
def test_a_forged_rejection_is_refused_in_one_line(forged: dict[str, Any]) -> None:
    fields = {"number": 7, "because": "", "at": "2026-11-29T01:00:00+00:00", **forged}
    message = f"reject #7\n\nRejected: {json.dumps(fields)}\n"
    with pytest.raises(HistoryFault, match=r"the rejection c{12} cannot be read") as caught:
        read_entry(committed(message))
    assert "\n" not in caught.value.message


def test_a_measurement_without_its_fields_is_refused() -> None:
    message = 'replicate #1\n\nMeasured-Again: {"kind": "replicate"}\n'
    with pytest.raises(HistoryFault, match="the measurement"):
        read_entry(committed(message))
    with pytest.raises(HistoryFault, match="its record is no object"):
        read_entry(committed("replicate #1\n\nMeasured-Again: [1]\n"))


def test_a_message_full_of_trailers_is_no_record() -> None:
    assert read_entry(committed("x\n\n" + "A: 1\n" * 30_000)) is None


def test_a_message_may_be_huge() -> None:
    rationale = "Trial: 3\n" * 10**6
    proposal = an_example().proposal.model_copy(update={"rationale": rationale})
    attempt = read_entry(committed(old_messages.attempt(1, proposal), ["b" * 40]))
    assert isinstance(attempt, Attempt)
    assert attempt.proposal == proposal


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    edit = SetConstant(name="a\udfffb", value="🙂")
    assert (edit.name, edit.value) == ("a\ufffdb", "🙂")
    constants = read_constants("NAME = '\\ud800'\nOTHER = 1\n")
    assert constants == {"OTHER": 1}, "nor does a train.py bring one in"


def test_a_number_that_json_will_not_write_is_no_constant() -> None:
    assert read_constants(f"BIG = {'0x' + 'f' * 5000}\n") == {}
    assert evaluate(ast.parse("2**2000", mode="eval").body) == 2**2000
    assert read_constants("A = 1e999\n") == {}


def test_prose_beside_a_trailer_is_no_record() -> None:
    assert read_entry(committed("a subject\n\nIn short,\nTrial: 3\n")) is None
