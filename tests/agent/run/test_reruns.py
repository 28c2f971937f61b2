"""Re-runs in the loop, with a scripted runner: paired seeds, turns, kills, every status."""

from pathlib import Path
from statistics import fmean

import pytest

from agent.history.history import History
from agent.judge.noise import differences_of
from agent.records.edits import DeleteDefinition, ReplaceStatements
from agent.records.events import Judged, TrialStarted
from agent.records.objective import LOWER
from agent.records.results import Trial
from agent.space import read_constants
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    Finished,
    Outcome,
    OutOfMemory,
    RunSpec,
    TimedOut,
    Usage,
)
from tests.agent.study import (
    ListProposer,
    commit_by_hand,
    loop_of,
    project_of,
    proposal,
    seed_of,
    source_of,
    study,
    val_bpb,
    work_on,
)

NOISE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.001, 0.003, -0.001, -0.002, 0.0)


def noisy(spec: RunSpec) -> tuple[Outcome, str]:
    """Print a loss that the seed moves a lot, alike for all, and each program's noise a little."""
    source = source_of(spec)
    seed = seed_of(spec)
    rate = int(float(read_constants(source)["LR"]) * 1000)
    own = NOISE[(seed * 7 + rate) % len(NOISE)]
    log = f"---\nval_bpb: {val_bpb(source) + 0.3 * seed + own}\n"
    return Finished(usage=Usage(seconds=1.0)), log


def scores(trial: Trial) -> list[tuple[int, str]]:
    assert trial.result
    return [(score.seed, score.role) for score in trial.result.scores]


def test_only_what_is_near_the_threshold_is_run_again_under_the_seeds_of_the_incumbent(
    tmp_path: Path,
) -> None:
    proposals = [proposal(LR=0.11), proposal(LR=0.9), proposal(LR=0.25), proposal(LR=0.26)]
    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        events = work_on(history, proposals, noisy, trials=4)
        baseline, first, worse, *_ = history.trials
        assert scores(baseline) == [(0, "candidate"), (1, "candidate"), (2, "candidate")]
        assert len(scores(first)) > 1, "the noise was not known yet"
        assert {role for _, role in scores(first)} == {"candidate"}, (
            "the incumbent's runs under these seeds are on record"
        )
        assert len(scores(worse)) == 1
        assert worse.delta == pytest.approx(0.2, abs=0.02), "what the seed does to both cancels"
        assert any(trial.status == "keep" for trial in history.trials)
        for trial in history.trials[1:]:
            assert trial.against is not None
            assert trial.result
            assert len({score.seed for score in trial.result.own}) == len(trial.result.own)
        started = [
            event.run
            for event in events
            if isinstance(event, TrialStarted) and event.attempt.number == 1
        ]
        assert started == list(range(1, len(started) + 1))


def test_a_recorded_run_is_read_back_as_it_was_judged(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        work_on(history, [proposal(LR=0.3), proposal(LR=0.31)], noisy, trials=2)
        judged = history.trials
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == judged
    kept = next(trial for trial in judged if trial.status == "keep")
    assert kept.interval is not None
    baseline = judged[0].value
    assert baseline is not None and kept.delta is not None
    assert kept.value == pytest.approx(baseline + kept.delta)
    assert kept.delta == pytest.approx(fmean(differences_of(kept.pairs[1:], LOWER)))


@pytest.mark.parametrize(
    "survives",
    [3, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 4))],
)
def test_a_kill_between_runs_loses_only_the_run_that_was_under_way(
    tmp_path: Path, survives: int
) -> None:
    trained: list[str] = []

    def mortal(spec: RunSpec) -> tuple[Outcome, str]:
        if len(trained) >= survives:
            return Cancelled(usage=Usage(seconds=0.5)), ""
        trained.append(f"{source_of(spec)}{spec.environment['AUTORESEARCH_SEED']}")
        return noisy(spec)

    def whole(spec: RunSpec) -> tuple[Outcome, str]:
        trained.append(f"{source_of(spec)}{spec.environment['AUTORESEARCH_SEED']}")
        return noisy(spec)

    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.3)]), mortal, trials=1)
        for _ in loop.events():
            if len(trained) >= survives:
                loop.abort()
        assert len(history.in_flight) == 1
    with History.open(project_of(tmp_path), "t") as history:
        [attempt] = history.in_flight
        before = history.measured(attempt)
        assert (len(before.scores) if before else 0) == (survives if survives < 2 else survives - 2)
        work_on(history, [proposal(LR=0.3)], whole, trials=1)
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
        assert history.in_flight == ()
    assert len(trained) == len(set(trained)), "nothing was trained twice"


def test_a_candidate_that_fails_when_run_again_has_failed(tmp_path: Path) -> None:
    def brittle(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.3" in source_of(spec) and seed_of(spec) == 0:
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "RuntimeError: not this seed\n"
        return noisy(spec)

    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        work_on(history, [proposal(LR=0.3)], brittle, trials=1)
        crashed = history.trials[1]
    assert crashed.status == "crash"
    assert "under seed 0" in crashed.reason
    assert "not this seed" in crashed.reason


def test_an_incumbent_that_fails_when_run_again_is_never_the_candidates_fault(
    tmp_path: Path,
) -> None:
    def brittle(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.1 " in source_of(spec) and seed_of(spec) > 0:
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "RuntimeError: the incumbent\n"
        return noisy(spec)

    with study(tmp_path, verdict="sequential", baseline_repeats=1) as history:
        work_on(history, [proposal(LR=0.3)], brittle, trials=1)
        trial = history.trials[1]
    assert trial.status == "discard"
    assert "the incumbent failed" in trial.reason


def timed_trial(folder: Path, rate: float, steps: int, shift: float) -> Trial:
    """Return the trial of a rate on a machine that changes its speed after the baseline.

    From then on a timed training makes `steps` steps, not 100, and its score is shifted.
    """
    ran: list[str] = []

    def changing(spec: RunSpec) -> tuple[Outcome, str]:
        ran.append(source_of(spec))
        outcome, log = noisy(spec)
        value = float(log.split("val_bpb: ")[1])
        if len(ran) <= 3:
            return outcome, f"---\nval_bpb: {value}\nnum_steps: 100\n"
        return outcome, f"---\nval_bpb: {value + shift}\nnum_steps: {steps}\n"

    with study(
        folder, verdict="sequential", baseline_repeats=3, budget=Budget(amount=3)
    ) as history:
        work_on(history, [proposal(LR=rate)], changing, trials=1)
        return history.trials[1]


def test_a_slow_machine_is_told_from_a_slow_idea(tmp_path: Path) -> None:
    trial = timed_trial(tmp_path, rate=0.3, steps=50, shift=0.5)
    assert "incumbent" in {role for _, role in scores(trial)}, (
        "the incumbent was run again on the slow machine"
    )
    assert trial.status == "keep", (
        "better by 0.2 at equal speed, though its first score was worse than the incumbent's"
    )
    assert trial.delta == pytest.approx(-0.2, abs=0.02)


def test_a_faster_machine_is_told_from_a_good_idea(tmp_path: Path) -> None:
    """Another program ends after the baseline."""
    trial = timed_trial(tmp_path, rate=0.05, steps=200, shift=-0.5)
    assert trial.status == "discard", "worse than the incumbent at equal speed"
    assert "incumbent" in {role for _, role in scores(trial)}


def work_reported(spec: RunSpec, share: float, loss: float) -> tuple[Outcome, str]:
    """Print steps and tokens a second; LR 0.9 makes a sixteenth of the steps at `share` work."""
    outcome, log = noisy(spec)
    large = "LR = 0.9" in source_of(spec)
    curve = "step 00001 (50.0%) | loss: 4.0 |\nstep 00002 (100.0%) | loss: 3.0 |\n"
    if large:
        curve = f"step 00001 (100.0%) | loss: {loss} |\n"
    tokens = 1000 * (share if large else 1)
    steps = 100 / 16 if large else 100
    return outcome, f"{curve}{log}num_steps: {steps}\ntokens_per_second: {tokens}\n"


@pytest.mark.parametrize(
    ("share", "loss", "runs"),
    [
        pytest.param(1.0, 5.0, 1, id="as much work in fewer steps"),
        pytest.param(0.5, 5.0, 1, id="less work, and worse than any slow machine explains"),
        pytest.param(0.5, 4.0, 2, id="less work, and no worse than a slow machine would be"),
    ],
)
def test_fewer_and_larger_steps_are_no_slow_machine(
    tmp_path: Path, share: float, loss: float, runs: int
) -> None:
    with study(
        tmp_path, verdict="sequential", baseline_repeats=3, budget=Budget(amount=3)
    ) as history:

        def script(spec: RunSpec) -> tuple[Outcome, str]:
            return work_reported(spec, share, loss)

        work_on(history, [proposal(LR=0.9)], script, trials=1)
        trial = history.trials[1]
    assert trial.status == "discard"
    assert len(scores(trial)) == runs


def test_on_a_machine_that_goes_up_and_down_nothing_is_measured_twice(tmp_path: Path) -> None:
    ran: list[str] = []

    def jittery(spec: RunSpec) -> tuple[Outcome, str]:
        ran.append(source_of(spec))
        outcome, log = noisy(spec)
        return outcome, f"{log}num_steps: {60 if len(ran) % 3 else 100}\n"

    with study(
        tmp_path, verdict="sequential", baseline_repeats=3, budget=Budget(amount=3)
    ) as history:
        work_on(history, [proposal(LR=0.3)], jittery, trials=1)
        trial = history.trials[1]
    assert trial.result
    speeds = [score.speed for score in trial.result.scores if score.speed]
    assert max(speeds) > 1.5 * min(speeds), "the machine did jitter in the trial"
    assert trial.status == "keep"
    assert len(set(scores(trial))) == len(scores(trial)), "no seed twice"


def test_a_change_that_deletes_code_and_costs_nothing_is_kept_as_a_simplification(
    tmp_path: Path,
) -> None:
    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        worktree = history.worktree
        dead = (worktree / "train.py").read_text() + "\n\ndef unused():\n    return 1\n"
        (worktree / "train.py").write_text(dead)
        commit_by_hand(worktree)
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(DeleteDefinition(name="unused"))], noisy, trials=1)
        trial = history.trials[-1]
        assert (trial.status, trial.charge) == ("simplify", 0.0)
        assert "unused" not in history.sources.text


def test_an_edit_that_changes_nothing_is_discarded_after_one_run(tmp_path: Path) -> None:
    edit = ReplaceStatements(old="SEED = 1", new="SEED = 1\nUNUSED = 3")
    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        work_on(history, [proposal(edit)], noisy, trials=1)
        trial = history.trials[1]
    assert (trial.status, len(scores(trial))) == ("discard", 1)
    assert trial.reason == "no effect: the same score as the incumbent under the same seed"


def test_every_status_of_the_ledger_comes_up(tmp_path: Path) -> None:
    outcomes: dict[int, Outcome] = {
        13: Crashed(usage=Usage(seconds=1.0), exit_code=1),
        14: OutOfMemory(usage=Usage(seconds=1.0), evidence="cgroup"),
        15: TimedOut(usage=Usage(seconds=1.0)),
    }

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        depth = read_constants(source_of(spec))["DEPTH"]
        if depth == 16:
            return Finished(usage=Usage(seconds=1.0)), "---\nval_bpb: 0.0\n"
        return (outcomes[int(depth)], "") if depth in outcomes else noisy(spec)

    proposals = [proposal(DEPTH=d) for d in (13, 14, 15, 16)] + [
        proposal(LR=0.9),
        proposal(NOPE=1),
        proposal(LR=0.35),
    ]
    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        events = work_on(history, proposals, script, trials=6)
        statuses = [event.trial.status for event in events if isinstance(event, Judged)]
    assert statuses == [
        "baseline",
        "crash",
        "oom",
        "invalid",
        "invalid",
        "discard",
        "refused",
        "keep",
    ]
