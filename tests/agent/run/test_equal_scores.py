"""Runs of a score that no seed moves, with a scripted runner: what is ordered, kept and said."""

import threading
from pathlib import Path
from zlib import crc32

import pytest

from agent.afterwards.perturbed import PerturbingBench
from agent.afterwards.remeasure import compare, state_of
from agent.afterwards.side_by_side import Timing
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.judge.noise import noise_of
from agent.records.objective import LOWER, Objective
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.space import read_constants
from sandbox.ground.deadline import Usual
from sandbox.ground.outcome import Cancelled, Crashed, Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.study import (
    TRAIN,
    ListProposer,
    Script,
    loop_of,
    project_of,
    proposal,
    source_of,
    study,
    work_on,
)


def chaotic(spec: RunSpec) -> tuple[Outcome, str]:
    """Score the text of train.py: no constant has an effect, and any change moves the score."""
    luck = crc32(source_of(spec).encode()) / 2**32
    return Finished(usage=Usage(seconds=1.0)), f"---\nval_bpb: {1 + 0.1 * luck}\n"


def smooth(spec: RunSpec) -> tuple[Outcome, str]:
    """Score LR exactly."""
    rate = float(read_constants(source_of(spec))["LR"])
    return Finished(usage=Usage(seconds=1.0)), f"---\nval_bpb: {1 + abs(rate - 0.4)}\n"


def bench_of(history: History, script: Script) -> Bench:
    """Return a bench with a scripted runner, as `replicate` has one."""
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=history.run.budget,
        memory_bytes=None,
    )
    folder = trials_folder(history.project, history.tag)
    slots = make_slots(1, (0,), ())
    return Bench(plan, ScriptedRunner(script), slots, folder, history.export)


def null_changes(count: int) -> list[Proposal]:
    return [proposal(DEPTH=5 + number) for number in range(count)]


def runs_of(trial: Trial) -> list[tuple[int, str]]:
    assert trial.result
    return [(score.seed, score.role) for score in trial.result.scores]


REPEATED = {"verdict": "sequential", "baseline_repeats": 3}


@pytest.mark.slow
def test_null_changes_of_a_chaotic_score_are_not_kept(tmp_path: Path) -> None:
    with study(tmp_path, **REPEATED) as history:
        work_on(history, null_changes(11), chaotic, trials=11)
        baseline, *trials = history.trials
        noise = noise_of(history.comparable, LOWER)
    candidate = [(seed, "candidate") for seed in range(3)]
    assert runs_of(baseline) == [*candidate, (1, "neutral"), (2, "neutral")]
    assert "3 seeds gave exactly the same score" in baseline.reason
    assert noise.perturbed and noise.seeds and noise.sd
    assert {trial.status for trial in trials} == {"discard"}
    assert any(len(trial.pairs) > 1 for trial in trials), "some looked better at first"


def test_a_run_goes_on_where_a_perturbation_was_killed(tmp_path: Path) -> None:
    trained: list[str] = []

    def mortal(spec: RunSpec) -> tuple[Outcome, str]:
        if len(trained) >= 4:
            return Cancelled(usage=Usage(seconds=0.5)), ""
        trained.append(source_of(spec))
        return smooth(spec)

    with study(tmp_path, **REPEATED) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.2)]), mortal, trials=1)
        for _ in loop.events():
            if len(trained) >= 4:
                loop.abort()
    assert trained[:3] == [TRAIN] * 3
    assert trained[3] != TRAIN
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(LR=0.2)], smooth, trials=1)
        baseline, kept = history.trials
        assert [role for _, role in runs_of(baseline)].count("neutral") == 2
        assert kept.status == "keep"
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == (baseline, kept)


def test_a_smooth_score_is_kept_by_its_gain_and_measured_again_with_an_interval(
    tmp_path: Path,
) -> None:
    with study(tmp_path, **REPEATED) as history:
        work_on(history, [proposal(LR=0.2), proposal(LR=0.19)], smooth, trials=2)
        baseline, kept, worse = history.trials
        assert (kept.status, worse.status) == ("keep", "discard")
        bench = bench_of(history, smooth)
        found = compare(
            PerturbingBench(bench, history),
            [state_of(kept)],
            state_of(baseline),
            (10, 11, 12),
            lambda *_: None,
            threading.Event(),
            Timing(state_of(baseline), lambda _: Usual(seconds=1.0)),
        )
        [comparison] = found.comparisons
    assert comparison.verdict == "better"
    assert comparison.interval is not None
    low, high = comparison.interval
    assert low < high < 0


def test_a_perturbation_that_fails_leaves_the_noise_unknown(tmp_path: Path) -> None:
    def brittle(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.1 " not in source_of(spec) and "LR = 0.2 " not in source_of(spec):
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "ValueError: LR\n"
        return smooth(spec)

    with study(tmp_path, **REPEATED) as history:
        work_on(history, [proposal(LR=0.2)], brittle, trials=1)
        baseline, trial = history.trials
    assert baseline.status == "baseline"
    assert "ValueError: LR" in baseline.reason
    assert "(no seeding call of the project could be shifted)" in baseline.reason
    assert "its noise is not known" in baseline.reason
    assert trial.status == "discard"
    assert 'noise = "none"' in trial.reason


@pytest.mark.parametrize(
    ("script", "statuses"),
    [(smooth, ["baseline", "keep", "discard"]), (chaotic, None)],
)
def test_where_noise_is_none_one_run_decides(
    tmp_path: Path, script: Script, statuses: list[str] | None
) -> None:
    exact = Objective(metric="val_bpb", noise="none")
    with study(tmp_path, **REPEATED, objective=exact) as history:
        work_on(history, [proposal(LR=0.11), proposal(LR=0.105)], script, trials=2)
        trials = history.trials
    assert trials[0].reason == 'noise is "none": 3 runs gave exactly the same score'
    assert statuses is None or [trial.status for trial in trials] == statuses
    assert "neutral" not in {role for trial in trials for _, role in runs_of(trial)}
    assert all(len(runs_of(trial)) == 1 for trial in trials[1:])


def test_a_baseline_that_contradicts_noise_none_says_so(tmp_path: Path) -> None:
    exact = Objective(metric="val_bpb", noise="none")
    with study(tmp_path, **REPEATED, objective=exact) as history:
        work_on(history, [proposal(LR=0.2)], trials=1)
        baseline = history.trials[0]
    assert "yet 3 runs under different seeds differ by up to 0.002" in baseline.reason


def test_a_change_that_ignores_its_seed_is_not_kept_for_one_lucky_draw(tmp_path: Path) -> None:
    def drawn(spec: RunSpec) -> tuple[Outcome, str]:
        """Score the start by its seed, and other code three standard deviations better by none."""
        is_start = "DEPTH = 4" in source_of(spec)
        seed = int(spec.environment["AUTORESEARCH_SEED"])
        luck = 0.01 * ((3 * seed) % 5 - 2) if is_start else -0.05
        return Finished(usage=Usage(seconds=1.0)), f"---\nval_bpb: {1 + luck}\n"

    with study(tmp_path, verdict="sequential", baseline_repeats=5) as history:
        work_on(history, [proposal(DEPTH=5)], drawn, trials=1)
        trial = history.trials[1]
        assert trial.status == "discard"
        assert "the same under every seed" in trial.reason
