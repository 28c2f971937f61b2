"""The ledger over real git: what is admitted, begun, refused and settled, and against what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edit.files import Sources, apply_edits
from agent.errors import HistoryFault
from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.noise import noise_of
from agent.propose import Unreadable
from agent.records.edits import DeleteDefinition, Edit, Refused, ReplaceStatements
from agent.records.objective import LOWER, Objective
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result, Score, Trial
from agent.run.admission import Fixed
from agent.run.ledger import Ledger
from agent.run.replaying import replayed_by
from agent.run.timing import Timing
from agent.space import read_constants, read_space
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Usual
from tests.agent.study import project_of, proposal, settle, study


def scored(*values: float) -> Result:
    return Result(
        status="scored",
        scores=tuple(Score(value=value, seed=n, kind="sealed") for n, value in enumerate(values)),
        seconds=6,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose baseline scored 1.0, with a noise of 0.01."""
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(0.99, 1.0, 1.01))
        yield ledger


def begun(ledger: Ledger, wanted: Proposal) -> Attempt:
    attempt = ledger.begin(wanted)
    assert isinstance(attempt, Attempt), attempt
    return attempt


def test_the_baseline_measures_the_noise_and_the_time(ledger: Ledger) -> None:
    assert not ledger.needs_baseline
    noise = noise_of(ledger.history.trials, LOWER)
    assert (noise.seeds, noise.runs) == (pytest.approx(0.01), 3)
    assert Timing(ledger.history, None).usual == Usual(seconds=2.0)
    [baseline] = ledger.history.trials
    assert (baseline.status, baseline.delta, baseline.changes) == ("baseline", None, ())
    assert baseline.configuration == {"LR": 0.1, "DEPTH": 4, "SEED": 1}


def test_a_keep_changes_the_tip_and_a_discard_does_not(ledger: Ledger) -> None:
    kept, replay = settle(ledger, begun(ledger, proposal(LR=0.3)), scored(0.9))
    assert (kept.status, kept.delta, replay) == ("keep", pytest.approx(-0.09), None)
    assert [(change.name, change.before, change.after) for change in kept.changes] == [
        ("LR", 0.1, 0.3)
    ]
    discarded, _ = settle(ledger, begun(ledger, proposal(DEPTH=8)), scored(0.91))
    assert discarded.status == "discard"
    assert read_constants(ledger.history.sources.text) == {"LR": 0.3, "DEPTH": 4, "SEED": 1}
    assert discarded.configuration["DEPTH"] == 8, "what it ran, not what the tip has"


@pytest.mark.parametrize("status", ["crash", "oom", "timeout", "invalid"])
def test_a_failure_is_named_and_has_no_number(ledger: Ledger, status: str) -> None:
    trial, replay = settle(
        ledger, begun(ledger, proposal(LR=0.3)), Result(status=status, detail="why")
    )
    assert (trial.status, trial.value, trial.delta, trial.reason, replay) == (
        status,
        None,
        None,
        "why",
        None,
    )
    assert read_constants(ledger.history.sources.text)["LR"] == 0.1


def test_edits_that_cannot_help_are_refused_before_training(ledger: Ledger) -> None:
    def reason(wanted: Proposal) -> str:
        refused = ledger.admit(wanted)
        assert isinstance(refused, Refused)
        return refused.reason

    assert reason(proposal(NOPE=1)) == "unknown-name"
    assert reason(proposal(LR=0.1)) == "no-op"
    assert reason(proposal(SEED=2)) == "seed-only"
    assert reason(proposal()) == "no-op"
    attempt = begun(ledger, proposal(LR=0.3))
    assert reason(proposal(LR=0.30)) == "already-tried", "while it is in flight, too"
    settle(ledger, attempt, Result(status="crash", detail="x"))
    assert reason(proposal(LR=0.3)) == "already-tried"
    again = Ledger(History.read(ledger.history.project, "t"), read_space)
    assert isinstance(again.admit(proposal(LR=0.3)), Refused), "known after a resume"
    assert len(ledger.history.trials) == 2, "asking writes nothing"


def test_a_proposal_is_admitted_once_while_the_tip_stays(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Edit, ...]] = []

    def counted(sources: Sources, edits: tuple[Edit, ...]) -> Sources | Refused:
        asked.append(edits)
        return apply_edits(sources, edits)

    monkeypatch.setattr("agent.run.admission.apply_edits", counted)
    first = proposal(LR=0.3)
    second = proposal(LR=0.3, DEPTH=6)
    late = proposal(DEPTH=8)
    for wanted in (first, second, late):
        assert isinstance(ledger.admit(wanted), Sources)
    assert len(asked) == 3
    kept = begun(ledger, first)
    discarded = begun(ledger, late)
    assert len(asked) == 3, "what was admitted is begun"
    settle(ledger, discarded, Result(status="crash", detail="x"))
    assert len(asked) == 3, "a discard leaves the tip's files as they were"
    settle(ledger, kept, scored(0.9))
    attempt = begun(ledger, second)
    assert len(asked) == 4, "the tip has other files now"
    assert read_constants(ledger.history.sources_at(attempt.commit).text) == {
        "LR": 0.3,
        "DEPTH": 6,
        "SEED": 1,
    }


def test_an_admitted_proposal_is_refused_where_the_tip_took_it_or_a_twin_was_begun(
    ledger: Ledger,
) -> None:
    first = proposal(LR=0.3)
    twin = proposal(LR=0.30)
    last = proposal(LR=3e-1)
    for wanted in (first, twin, last):
        assert isinstance(ledger.admit(wanted), Sources)
    attempt = begun(ledger, first)
    refused = ledger.begin(twin)
    assert isinstance(refused, Trial)
    assert refused.reason.startswith("already-tried")
    settle(ledger, attempt, scored(0.9))
    late = ledger.begin(last)
    assert isinstance(late, Trial)
    assert late.reason.startswith("no-op")


def test_protected_and_required_names(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        source = "def build_model():\n    return 1\n\nLR = 0.1\n"
        history.commit_verdict(
            history.commit_attempt(0, proposal(), history.sources.with_text(source)),
            Trial(number=0, status="keep", proposal=proposal(), reason="r", result=scored(1.0)),
        )
        ledger = Ledger(
            history,
            read_space,
            Fixed(protected=frozenset({"LR"}), required=frozenset({"build_model"})),
        )
        for wanted in (proposal(LR=0.2), proposal(DeleteDefinition(name="build_model"))):
            refused = ledger.admit(wanted)
            assert isinstance(refused, Refused)
            assert refused.reason == "protected"
        changed = ReplaceStatements(old="return 1", new="return 2", within="build_model")
        assert isinstance(ledger.admit(proposal(changed)), Sources), "a required name may change"


def test_a_refusal_is_a_trial_that_never_flew(ledger: Ledger) -> None:
    trial = ledger.begin(proposal(NOPE=1, cost=0.5))
    assert isinstance(trial, Trial)
    assert (trial.status, trial.result, trial.proposal.by.cost) == ("refused", None, 0.5)
    assert trial.reason.startswith("unknown-name")
    assert ledger.history.in_flight == ()
    by = Provenance(method="code", origin="llm", input_tokens=5)
    reply = "no JSON \ud800, and\n\nTrial: 9"
    unreadable = Unreadable(by=by, reply=reply, reason=Refused(reason="unreadable", where="reply"))
    refused = ledger.refuse(unreadable, unreadable.reason)
    assert (refused.proposal.by, refused.proposal.rationale) == (
        by,
        reply.replace("\ud800", "\ufffd"),
    )
    assert History.read(ledger.history.project, "t").trials == ledger.history.trials


def test_an_improvement_on_an_older_state_is_tried_again_not_merged(ledger: Ledger) -> None:
    first = begun(ledger, proposal(LR=0.3))
    second = begun(ledger, proposal(DEPTH=8))
    settle(ledger, first, scored(0.9))
    trial, replay = settle(ledger, second, scored(0.8))
    assert trial.status == "discard"
    assert "tried again" in trial.reason
    assert replay is not None
    assert (replay.by.origin, replay.by.replays, replay.edits) == (
        "replay",
        2,
        second.proposal.edits,
    )
    assert read_constants(ledger.history.sources.text) == {"LR": 0.3, "DEPTH": 4, "SEED": 1}
    third = begun(ledger, replay)
    assert read_constants(ledger.history.sources_at(third.commit).text) == {
        "LR": 0.3,
        "DEPTH": 8,
        "SEED": 1,
    }


def test_a_winner_that_is_overtaken_again_is_tried_at_most_twice_more(ledger: Ledger) -> None:
    wanted: Proposal | None = proposal(DEPTH=8)
    winners = []
    for round_, rate in enumerate((0.2, 0.3, 0.4, 0.5)):
        assert wanted is not None
        other = begun(ledger, proposal(LR=rate))
        winner = begun(ledger, wanted)
        settle(ledger, other, scored(0.9 - round_ / 10))
        trial, wanted = settle(ledger, winner, scored(0.7 - round_ / 10))
        assert "tried again" in trial.reason
        winners.append(trial)
        if wanted is None:
            break
    assert [trial.proposal.by.origin for trial in winners] == ["scripted", "replay", "replay"]
    assert [trial.number for trial in replayed_by(ledger.history, winners[-1].proposal)] == [
        winners[1].number,
        winners[0].number,
    ]


def test_a_winner_is_tried_again_under_seeds_that_did_not_choose_it(ledger: Ledger) -> None:
    first = begun(ledger, proposal(LR=0.3))
    second = begun(ledger, proposal(DEPTH=8))
    settle(ledger, first, scored(0.9))
    trial, replay = settle(ledger, second, scored(0.8))
    assert replay is not None and trial.result is not None
    order = ledger.next(begun(ledger, replay), machine_name())
    assert isinstance(order, Order)
    assert order.seed not in {score.seed for score in trial.result.scores}


def test_an_attempt_on_an_older_state_is_judged_against_that_state(ledger: Ledger) -> None:
    """0.95 beats the 1.0 that it was made on, not the 0.9 that the tip has by now."""
    first = begun(ledger, proposal(LR=0.3))
    second = begun(ledger, proposal(DEPTH=8))
    settle(ledger, first, scored(0.9))
    trial, replay = settle(ledger, second, scored(0.95))
    assert trial.delta == pytest.approx(-0.04)
    assert replay is not None
    worse, replay = settle(ledger, begun(ledger, proposal(DEPTH=9)), scored(0.95))
    assert (worse.delta, worse.status, replay) == (pytest.approx(0.05), "discard", None)


def test_a_discard_in_between_makes_nothing_stale(ledger: Ledger) -> None:
    first = begun(ledger, proposal(LR=0.3))
    second = begun(ledger, proposal(DEPTH=8))
    settle(ledger, first, scored(2.0))
    trial, replay = settle(ledger, second, scored(0.8))
    assert (trial.status, replay) == ("keep", None)


def test_an_attempt_before_any_baseline_cannot_be_judged(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        assert ledger.needs_baseline
        assert Timing(history, None).usual is None
        with pytest.raises(HistoryFault, match="before any baseline"):
            settle(ledger, begun(ledger, proposal(LR=0.3)), scored(0.9))


def test_the_baseline_that_a_killed_run_left_is_the_one_that_runs(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = Ledger(history, read_space).begin_baseline()
    with History.open(project_of(tmp_path), "t") as history:
        assert Ledger(history, read_space).begin_baseline() == attempt


def test_seeds_differ_and_are_the_same_after_a_resume(ledger: Ledger) -> None:
    first = ledger.context(())
    other = ledger.context((proposal(LR=0.3),))
    assert first.seed != other.seed
    resumed = Ledger(History.read(ledger.history.project, "t"), read_space)
    assert first.seed == resumed.context(()).seed
    settle(ledger, begun(ledger, proposal(LR=0.3)), scored(2.0))
    assert ledger.context(()).seed != first.seed
    assert (first.program, first.budget) == ("# Goal\nLower val_bpb.\n", "3steps")
    assert {parameter.name for parameter in first.space.parameters} == {"LR", "DEPTH"}


def test_a_training_that_writes_half_a_surrogate_pair_into_its_constants(ledger: Ledger) -> None:
    edit = ReplaceStatements(old="print('trained')", new="NAME = '\\ud800'\nprint('trained')")
    trial, _ = settle(ledger, begun(ledger, proposal(edit)), scored(0.5))
    assert trial.status == "keep"
    assert "NAME" not in trial.configuration


def test_a_budget_in_steps_is_advised_where_speed_varies(tmp_path: Path) -> None:
    with study(tmp_path, budget=Budget(amount=60, unit="s")) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(0.99, 1.0, 1.01))
    [baseline] = ledger.history.trials
    assert baseline.result
    own = [
        score.model_copy(update={"speed": speed})
        for score, speed in zip(baseline.result.own, (10.0, 8.0, 9.0), strict=True)
    ]
    uneven = baseline.result.model_copy(update={"scores": tuple(own), "facts": {"num_steps": 600}})
    advice = ledger.advice(baseline.model_copy(update={"result": uneven}))
    assert advice == [
        "the baseline's runs differ by 20% in speed, so scores also measure how busy "
        "this machine is; --budget 600steps avoids that"
    ]
    assert ledger.advice(baseline) == []
    printed = uneven.model_copy(
        update={
            "scores": tuple(score.model_copy(update={"kind": "self-reported"}) for score in own)
        }
    )
    assert ledger.advice(baseline.model_copy(update={"result": printed})) == [], (
        "its budget is its own"
    )


def test_a_further_metric_that_the_baseline_does_not_give_is_named(tmp_path: Path) -> None:
    goal = Objective(metric="val_bpb", direction="minimize", also=("params_m", "ms"))
    with study(tmp_path, objective=goal) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(0.99, 1.0, 1.01))
    [baseline] = ledger.history.trials
    assert "the baseline gives no params_m, ms" in " ".join(ledger.advice(baseline))
    assert baseline.result
    scores = (score.model_copy(update={"also": {"ms": 1.0}}) for score in baseline.result.own)
    given = baseline.result.model_copy(update={"scores": tuple(scores)})
    advice = " ".join(ledger.advice(baseline.model_copy(update={"result": given})))
    assert "the baseline gives no params_m, so" in advice
