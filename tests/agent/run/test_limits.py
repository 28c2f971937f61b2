"""A training that takes longer than the run's limit, and a machine that is merely slow."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.display.format import formatter_for, open_console
from agent.display.learnt import learnt
from agent.errors import ProjectFault
from agent.history.history import History
from agent.propose.views.goal import most_time
from agent.records.events import Note
from agent.records.objective import Objective
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Finished, Outcome, RunSpec, TimedOut, Usage
from tests.agent.study import Script, project_of, proposal, seed_of, source_of, study, work_on

VAL_BPB = "val_bpb"
LIMITED = Objective(metric=VAL_BPB, limit="1.1x")
TEN_SECONDS = 10.0
BETTER = proposal(LR=0.4)
"""By 0.3, under every seed."""


def timed(seconds_of: Callable[[RunSpec], float]) -> Script:
    """Return a training that takes so long, or is killed at its limit; better at a high LR."""

    def run(spec: RunSpec) -> tuple[Outcome, str]:
        seconds = seconds_of(spec)
        if seconds > spec.limits.wall_seconds:
            return TimedOut(usage=Usage(seconds=spec.limits.wall_seconds)), "still at work\n"
        score = (1.0 if is_better(spec) else 1.3) + seed_of(spec) * 0.001
        return Finished(usage=Usage(seconds=seconds)), f"---\nval_bpb: {score}\n"

    return run


def is_better(spec: RunSpec) -> bool:
    return "LR = 0.4" in source_of(spec)


def night(
    folder: Path, script: Script, objective: Objective = LIMITED, budget: Budget | None = None
) -> tuple[Trial, list[str]]:
    """Return the verdict on BETTER, and the notes of the run."""
    with study(folder, budget=budget, objective=objective, verdict="sequential") as history:
        events = work_on(history, [BETTER], script, trials=1)
        assert not history.in_flight
    with History.open(project_of(folder), "t") as history:
        judged = history.trials[1]
    return judged, [event.text for event in events if isinstance(event, Note)]


def roles(trial: Trial) -> list[str]:
    assert trial.result
    return [score.role for score in trial.result.scores]


def test_what_does_not_end_in_time_is_over_its_limit(tmp_path: Path) -> None:
    slow = timed(lambda spec: 99.0 if is_better(spec) else TEN_SECONDS)
    judged, notes = night(tmp_path, slow)
    assert judged.status == "over-limit"
    assert judged.reason == (
        "trained 18.5 s and had not ended, where the baseline takes 10.0 s and 1.1x of it allows "
        "11.0 s; the incumbent took 10.0 s beside it (before: 10.0 s)"
    )
    assert judged.result and judged.result.took == 18.5
    assert roles(judged) == ["incumbent"], "no score of its own counts"
    assert "trainings end by themselves after 10.0 s: limit 1.1x, at most 11.0 s" in notes


def test_what_ends_late_twice_is_over_its_limit_however_good_it_is(tmp_path: Path) -> None:
    judged, _ = night(tmp_path, timed(lambda spec: 12.0 if is_better(spec) else TEN_SECONDS))
    assert (judged.status, roles(judged)) == ("over-limit", ["incumbent"])
    assert judged.reason.startswith("trained 12.0 s, where the baseline takes 10.0 s")
    assert judged.value is None and judged.delta is None


def test_a_tenth_more_is_allowed(tmp_path: Path) -> None:
    judged, _ = night(tmp_path, timed(lambda spec: 10.9 if is_better(spec) else TEN_SECONDS))
    assert judged.status == "keep"


def test_one_late_run_is_no_verdict(tmp_path: Path) -> None:
    """Something else was at work once: the candidate is timed again."""
    late: list[int] = []

    def seconds(spec: RunSpec) -> float:
        if is_better(spec):
            late.append(1)
            return 15.0 if len(late) == 1 else 10.1
        return TEN_SECONDS

    judged, _ = night(tmp_path, timed(seconds))
    assert judged.status == "keep"


def test_a_machine_that_has_become_slow_is_not_the_candidates_fault(tmp_path: Path) -> None:
    """From the second trial on everything takes three times as long, the incumbent too."""
    begun: list[int] = []

    def seconds(spec: RunSpec) -> float:
        begun.extend([1] if is_better(spec) else [])
        return 30.0 if begun else TEN_SECONDS

    judged, _ = night(tmp_path, timed(seconds))
    assert judged.status == "keep", judged.reason
    assert roles(judged)[:2] == ["incumbent", "candidate"], "killed first, then given the time"


def test_a_slow_idea_on_a_slow_machine_is_over_its_limit(tmp_path: Path) -> None:
    begun: list[int] = []

    def seconds(spec: RunSpec) -> float:
        begun.extend([1] if is_better(spec) else [])
        own = 25.0 if is_better(spec) else TEN_SECONDS
        return 2 * own if begun else own

    judged, _ = night(tmp_path, timed(seconds))
    assert judged.status == "over-limit"
    assert "allows 22.0 s; the incumbent took 20.0 s beside it (before: 10.0 s)" in judged.reason


def test_an_idea_is_over_its_limit_though_the_incumbent_hangs_too(tmp_path: Path) -> None:
    begun: list[int] = []

    def seconds(spec: RunSpec) -> float:
        begun.extend([1] if is_better(spec) else [])
        return 999.0 if begun else TEN_SECONDS

    judged, _ = night(tmp_path, timed(seconds))
    assert (judged.status, roles(judged)) == ("over-limit", [])


def test_a_duration_holds_as_it_is(tmp_path: Path) -> None:
    objective = Objective(metric=VAL_BPB, limit="12s")
    slow = timed(lambda spec: 13.0 if is_better(spec) else TEN_SECONDS)
    judged, _ = night(tmp_path, slow, objective)
    assert judged.reason == "trained 13.0 s, where the limit allows 12s"
    assert (judged.status, roles(judged)) == ("over-limit", [])


def test_a_baseline_over_a_duration_says_what_to_change(tmp_path: Path) -> None:
    objective = Objective(metric=VAL_BPB, limit="9s")
    with study(tmp_path, budget=None, objective=objective) as history:
        with pytest.raises(ProjectFault, match=r"train.py fails as it is \(over-limit\)"):
            work_on(history, [], timed(lambda spec: TEN_SECONDS), trials=1)
        [baseline] = history.trials
    assert baseline.reason == "trained 10.0 s, where the limit allows 9s: state a longer one"


def test_an_unused_budget_becomes_a_limit(tmp_path: Path) -> None:
    slow = timed(lambda spec: 20.0 if is_better(spec) else TEN_SECONDS)
    judged, notes = night(tmp_path, slow, budget=Budget(amount=300))
    assert judged.status == "over-limit"
    assert (
        "trainings end by themselves after 10.0 s, of a budget of 300s: limit 1.1x, at most 11.0 s"
        in notes
    )


def test_a_budget_that_is_used_holds(tmp_path: Path) -> None:
    """Its time is that of the budget: the limit beside it says nothing."""
    kept = timed(lambda spec: 11.5 if is_better(spec) else TEN_SECONDS)
    judged, notes = night(tmp_path, kept, budget=Budget(amount=10))
    assert judged.status == "invalid"
    assert "the budget of 10 s and the baseline's start-up of 0.0 s allow 11.0 s" in judged.reason
    assert "a training takes 10.0 s with its start-up, and keeps to the budget of 10s" in notes


def test_an_older_run_is_read_as_ever(tmp_path: Path) -> None:
    """Its record has a budget alone."""
    objective = Objective(metric=VAL_BPB)
    slow = timed(lambda spec: 100.0 if is_better(spec) else TEN_SECONDS)
    judged, _ = night(tmp_path, slow, objective, Budget(amount=300))
    assert judged.status == "keep"


def test_models_and_readers_are_told(tmp_path: Path) -> None:
    slow = timed(lambda spec: 99.0 if is_better(spec) else TEN_SECONDS)
    night(tmp_path, slow)
    with History.open(project_of(tmp_path), "t") as history:
        context = Ledger(history, read_space).context(())
        assert context.budget == "limit 1.1x"
        assert most_time(context) == "A run must not take longer than 11 s."
        trials = history.trials
    assert "took too long" in learnt(trials, formatter_for(open_console()))
