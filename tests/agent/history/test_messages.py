"""The messages of a run's commits, word for word, and what their records leave out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.history.messages import (
    attempt_message,
    comparison_message,
    data_message,
    measured_message,
    prior_message,
    rejection_message,
    run_message,
    verdict_message,
)
from agent.history.text import MAX_BODY, MAX_LINE, MAX_SUBJECT, body_of, line_of, subject_of
from agent.judge.comparison import Comparison, Measurement
from agent.judge.suspicion import Rejection
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Pair, Result, Score, Trial
from tests.agent.history.strategies import run_settings

AT = "2026-11-29T01:00:00+00:00"
BY = Provenance(method="code", origin="llm", model="opus", cost=0.5)
EDITS = (SetConstant(name="LR", value="0.2"),)
PROPOSAL = Proposal(hypothesis="LR 0.1 → 0.2", rationale="It learns\nslowly.", edits=EDITS, by=BY)
SCORE = Score(value=0.9, seed=0, kind="sealed")
SCORED = Result(status="scored", scores=(SCORE,), overshot=True)
ATTEMPT = Attempt(number=3, commit="c", parent="p", proposal=PROPOSAL)


def trial(**fields: Any) -> Trial:
    usual: dict[str, Any] = {
        "number": 3,
        "status": "keep",
        "proposal": PROPOSAL,
        "reason": "better",
        "result": SCORED,
    }
    return Trial(**{**usual, **fields})


def parts(message: str) -> tuple[str, list[str], dict[str, Any]]:
    """Return a message's subject, the lines of its body, and its record."""
    subject, *bodies, record = message.rstrip("\n").split("\n\n")
    assert message.endswith("\n") and not message.endswith("\n\n")
    fields = json.loads(record.removeprefix("Autoresearch: "))
    return subject, "\n\n".join(bodies).split("\n") if bodies else [], fields


def test_an_attempt_is_its_hypothesis_its_rationale_and_its_edits() -> None:
    subject, lines, record = parts(attempt_message(3, PROPOSAL))
    assert subject == "attempt #3: LR 0.1 → 0.2"
    assert lines == ["It learns", "slowly."]
    assert record == {
        "record": "attempt",
        "number": 3,
        "proposal": {
            "hypothesis": "LR 0.1 → 0.2",
            "rationale": "It learns\nslowly.",
            "edits": [{"kind": "set_constant", "name": "LR", "value": "0.2"}],
            "by": {"method": "code", "origin": "llm", "model": "opus", "cost": 0.5},
        },
    }


def test_a_note_counts_the_runs_and_keeps_what_only_the_judge_needs_to_itself() -> None:
    subject, lines, record = parts(measured_message(ATTEMPT, SCORED))
    assert (subject, lines) == ("measured #3: 1 runs so far", [])
    assert record == {
        "record": "measured",
        "result": {
            "status": "scored",
            "scores": [{"value": 0.9, "seed": 0, "kind": "sealed"}],
        },
    }


def test_a_verdict_says_what_came_out_why_and_who_proposed_it() -> None:
    pairs = (Pair(seed=0, candidate=0.9, incumbent=1.0),)
    kept = trial(against=0, pairs=pairs, delta=-0.1, attempt="a", verdict="v", new_data=True)
    subject, lines, record = parts(verdict_message(kept))
    assert subject == "#3 keep 0.900000 (-0.100000) LR 0.1 → 0.2"
    assert lines == ["better", "against #0 over 1 pair", "by code with opus, $0.50"]
    assert set(record) == {
        *("record", "number", "status", "reason", "proposal", "result", "against", "pairs", "delta")
    }, "places are the commit's own, and what is as always is left out"
    assert "overshot" not in record["result"]


@pytest.mark.parametrize(
    ("by", "line"),
    [
        (Provenance(method="tpe", origin="scripted"), "by tpe"),
        (Provenance(method="tpe", origin="scripted", cost=0.0), "by tpe"),
        (
            Provenance(method="code", origin="replay", model="m", replays=0),
            "by code with m, #0 again",
        ),
    ],
)
def test_a_proposer_is_named_with_its_cost_if_there_is_one(by: Provenance, line: str) -> None:
    proposal = PROPOSAL.model_copy(update={"by": by})
    _, lines, _ = parts(verdict_message(trial(proposal=proposal)))
    assert lines == ["better", line]


def test_a_baseline_has_no_proposer_and_a_refusal_no_score() -> None:
    by = Provenance(method="baseline", origin="baseline")
    as_it_is = Proposal(hypothesis="train.py as it is", by=by)
    first = trial(number=0, status="baseline", proposal=as_it_is, reason="2 runs")
    subject, lines, _ = parts(verdict_message(first))
    assert (subject, lines) == ("#0 baseline 0.900000 train.py as it is", ["2 runs"])
    refused = trial(status="refused", result=None, reason="no-op")
    subject, _, record = parts(verdict_message(refused))
    assert subject == "#3 refused LR 0.1 → 0.2"
    assert "result" not in record


def test_a_run_begins_with_its_method_model_and_budget() -> None:
    run = run_settings().model_copy(update={"tag": "nov29", "method": "code", "model": "opus"})
    subject, lines, record = parts(run_message(run))
    assert subject == f"start nov29: code with opus, {run.budget} a trial"
    assert lines == []
    assert (record["record"], record["format"], record["tag"]) == ("run", 2, "nov29")
    subject, _, _ = parts(run_message(run.model_copy(update={"model": None})))
    assert subject == f"start nov29: code, {run.budget} a trial"


def test_the_other_commits_say_what_they_are() -> None:
    subject, lines, record = parts(prior_message(12, "optuna"))
    assert subject == "12 prior trials"
    assert lines == ["from optuna: trials of another run, for the methods to begin with"]
    assert record == {"record": "prior", "count": 12, "source": "optuna"}
    subject, lines, record = parts(data_message("f" * 64, "it leaked"))
    assert (subject, lines) == ("measure on other data from here on", ["it leaked"])
    assert record == {"record": "data", "fingerprint": "f" * 64}
    rejection = Rejection(number=7, because="it read the data", at=AT)
    subject, lines, record = parts(rejection_message(rejection))
    assert (subject, lines) == ("reject #7", ["it read the data"])
    assert record == {"record": "rejection", "number": 7, "because": "it read the data", "at": AT}


def test_a_later_measurement_lists_its_comparisons() -> None:
    pairs = tuple(Pair(seed=s, candidate=0.9 + s / 1000, incumbent=1.0) for s in range(3))
    compared = Comparison(what="#3", trial=3, pairs=pairs)
    failed = Comparison(what="without #2", trial=2, failure="crash")
    measurement = Measurement(
        kind="ablate",
        against="the final state",
        comparisons=(compared, failed),
        machine="m",
        command="autoresearch ablate",
        at=AT,
    )
    subject, lines, record = parts(comparison_message(measurement))
    assert subject == "ablate #3, #2 against the final state"
    assert lines == [f"#3: {compared}", "without #2: crash"]
    assert (record["record"], len(record["comparisons"])) == ("comparison", 2)
    assert not any("guards" in each for each in record["comparisons"]), "older versions read it"


def test_prose_is_bounded_printable_and_passes_for_no_record() -> None:
    assert len(subject_of("x" * 999)) <= MAX_SUBJECT
    assert len(line_of("x" * 999)) <= MAX_LINE
    assert len(body_of("x" * 9999)) <= MAX_BODY
    assert line_of("Status: keep") == "  Status: keep"
    assert body_of("one\nStatus: keep\n---\nend\n\n") == "one\n  Status: keep\n  ---\nend"
    assert "\x1b" not in body_of("a\x1b[2Jb") and "\x1b" not in subject_of("a\x1b[2Jb")
    assert "\n" not in subject_of("a\nb") and "\n" not in line_of("a\nb")


@pytest.mark.parametrize("written", [subject_of, line_of, body_of])
def test_prose_tells_no_secret(written: Callable[[str], str]) -> None:
    secret = "ghp_" + "a1b2c3d4e5f6g7h8i9j0k1"
    assert written(f"with {secret} set") == "with [redacted key] set"
