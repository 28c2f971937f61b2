"""Afterwards: fresh seeds, side by side; each kept change taken out; clean commits."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.afterwards.ablation import Without, kept_changes, without
from agent.afterwards.finalize import finalize_run
from agent.afterwards.remeasure import Limits, compare, state_of
from agent.afterwards.side_by_side import State, Timing
from agent.errors import HistoryFault, UsageFault
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.judge.comparison import Comparison, Measurement, replication_of
from agent.judge.pairing import fresh_seeds
from agent.records.edits import ReplaceStatements
from agent.records.events import Event
from agent.records.guards import Guard
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Pair
from agent.space import read_constants
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Usual
from sandbox.ground.outcome import Crashed, Outcome, RunSpec, Usage
from sandbox.score.metric import BITS_PER_BYTE, Metric
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.run.test_reruns import noisy
from tests.agent.study import Script, proposal, seed_of, source_of, study, work_on


def bench_of(
    history: History,
    script: Script = noisy,
    budget: Budget | None = None,
    metric: Metric = BITS_PER_BYTE,
) -> Bench:
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=budget or history.run.budget,
        memory_bytes=None,
        metric=metric,
    )
    folder = Path(history.project.root) / ".autoresearch" / "again"
    return Bench(plan, ScriptedRunner(script), make_slots(1, (0,), ()), folder, history.export)


def compared(
    history: History,
    states: Sequence[State],
    reference: State,
    seeds: Sequence[int],
    script: Script = noisy,
) -> list[Comparison]:
    """Return the comparisons of states with a reference, with no bound on their time."""
    bench = bench_of(history, script)
    cancel = threading.Event()
    return [*compare(bench, states, reference, seeds, unheard, cancel, None).comparisons]


def unheard(event: Event, number: int, total: int) -> None:
    """Hear what is trained, and say nothing."""


def no_op(name: str) -> Proposal:
    return proposal(
        ReplaceStatements(old="SEED = 1", new=f"SEED = 1\n{name} = 1"), hypothesis=f"add {name}"
    )


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[History]:
    """Give a run that kept one real improvement, and by greed three edits without effect."""
    better = iter([0.0, 0.0, 0.0, -0.0001, -0.0002, -0.0003])

    def lucky(spec: RunSpec) -> tuple[Outcome, str]:
        outcome, log = noisy(spec)
        score = float(log.split("val_bpb: ")[1])
        return outcome, f"---\nval_bpb: {score + next(better)}\n"

    proposals = [proposal(LR=0.3, hypothesis="the real one"), no_op("A"), no_op("B"), no_op("C")]
    with study(tmp_path, verdict="greedy", baseline_repeats=2) as history:
        work_on(history, proposals, lucky, trials=4)
        assert [trial.status for trial in history.trials] == ["baseline", *["keep"] * 4]
        yield history


def test_ablation_tells_one_real_improvement_from_three_that_change_nothing(
    planted: History,
) -> None:
    states = []
    for trial in kept_changes(planted.trials):
        taken = without(planted, trial)
        assert taken.sources is not None, taken.reason
        proposed = Proposal(
            hypothesis=f"without {trial.number}", by=Provenance(method="ablate", origin="replay")
        )
        states.append(
            State(
                proposed.hypothesis,
                planted.draft(trial.number, proposed, taken.sources).commit,
                trial.number,
            )
        )
    seeds = fresh_seeds(planted.trials, 4, 0)
    comparisons = compared(planted, states, State("all", planted.tip, 4), seeds)
    assert [each.verdict for each in comparisons] == ["worse", *["no difference at all"] * 3]
    assert comparisons[0].delta == pytest.approx(0.2, abs=0.02)
    assert comparisons[0].interval
    assert comparisons[0].interval[0] > 0


def test_seeds_are_fresh(planted: History) -> None:
    used = set()
    for trial in planted.trials:
        assert trial.result
        used |= {score.seed for score in trial.result.scores}
    assert used == {0, 1}
    assert fresh_seeds(planted.trials, 3, 0) == (2, 3, 4)


def test_a_state_that_fails_says_so(planted: History) -> None:
    def broken(spec: RunSpec) -> tuple[Outcome, str]:
        if "LR = 0.3" in source_of(spec):
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "RuntimeError: worn out\n"
        return noisy(spec)

    baseline, best = planted.trials[:2]
    [comparison] = compared(planted, [state_of(best)], state_of(baseline), (5, 6), broken)
    assert "worn out" in comparison.verdict
    assert comparison.delta is None


def held(history: History, script: Script) -> Comparison:
    """Return the best state against itself, held to a guard that depends on the baseline."""
    baseline, best = map(state_of, history.trials[:2])
    [guard] = GUARDS
    metric = BITS_PER_BYTE.model_copy(update={"also": (guard.metric,)})
    bench = bench_of(history, script, metric=metric)
    limits = Limits(GUARDS, baseline)
    final = State("all", best.commit, 4)
    without = State("without #2", history.tip, 2)
    cancel = threading.Event()
    found = compare(bench, [without], final, (5, 6), unheard, cancel, None, limits=limits)
    return found.comparisons[0]


GUARDS = (Guard.model_validate("latency_ms <= baseline + 1"),)


def slower(spec: RunSpec) -> tuple[Outcome, str]:
    """Print a latency that the kept change raises by 5, and the seed by 100."""
    outcome, log = noisy(spec)
    latency = 100 * seed_of(spec) + 5 * ("LR = 0.3" in source_of(spec))
    return outcome, f"latency_ms: {latency}\n{log}"


def leaky_baseline(spec: RunSpec) -> tuple[Outcome, str]:
    """Fail for the first baseline, which alone is without the kept change."""
    if "LR = 0.3" not in source_of(spec):
        return Crashed(usage=Usage(seconds=1.0), exit_code=1), "RuntimeError: gone\n"
    return slower(spec)


def test_a_relative_guard_is_held_against_the_first_baseline_under_the_same_seeds(
    planted: History,
) -> None:
    found = held(planted, slower)
    [result] = found.guards
    assert (result.finding, result.excess, result.runs) == ("outside", 4.0, 2)
    assert str(found).endswith("; latency_ms <= baseline + 1: outside")


def test_a_guard_whose_baseline_fails_is_said_to_be_unjudged(planted: History) -> None:
    found = held(planted, leaky_baseline)
    assert found.guards == () and found.pairs
    assert found.unjudged.startswith("latency_ms <= baseline + 1 (the first baseline: crash: ")
    assert "; not judged: latency_ms <= baseline + 1" in str(found)


def test_a_state_is_held_to_its_budget_and_the_machine_may_be_slow_once(planted: History) -> None:
    """A candidate that takes too long has failed; the reference is measured again."""
    slow = iter([1.0, 9.0, 1.0, 1.0, 9.0])
    ran: list[str] = []

    def timed(spec: RunSpec) -> tuple[Outcome, str]:
        ran.append(source_of(spec))
        outcome, log = noisy(spec)
        return outcome.model_copy(update={"usage": Usage(seconds=next(slow, 1.0))}), log

    baseline, best = planted.trials[:2]
    bench = bench_of(planted, timed, Budget(amount=1))
    reference = state_of(baseline)
    timed_here: list[Usual | None] = []

    def noted(usual: Usual | None) -> Usual | None:
        timed_here.append(usual)
        return usual

    timing = Timing(reference, lambda _: None, noted)
    cancel = threading.Event()
    found = compare(bench, [state_of(best)], reference, (5, 6), unheard, cancel, timing)
    [comparison] = found.comparisons
    assert timed_here == [Usual(seconds=1.0)]
    assert ["LR = 0.3" in source for source in ran] == [False, False, False, True, True, False]
    assert comparison.failure == (
        "invalid: trained 9.0 s, where the budget of 1 s and the baseline's start-up of 0.0 s "
        "allow 2.0 s; "
        "a longer start-up counts as training"
    )


def test_one_pair_is_too_few(planted: History) -> None:
    baseline, best = planted.trials[:2]
    [comparison] = compared(planted, [state_of(best)], state_of(baseline), (9,))
    assert (comparison.verdict, comparison.interval) == ("one pair is too few", None)


def test_a_change_that_a_later_one_replaced_cannot_be_taken_out(tmp_path: Path) -> None:
    with study(tmp_path, verdict="greedy") as history:
        work_on(history, [proposal(LR=0.2), proposal(LR=0.4)], trials=2)
        first, second = kept_changes(history.trials)
        assert without(history, second).sources is not None
        assert without(history, first) == Without(first, None, "later changes replaced it")


def test_of_a_change_only_what_still_stands_is_taken_out(tmp_path: Path) -> None:
    with study(tmp_path, verdict="greedy") as history:
        work_on(history, [proposal(LR=0.2, DEPTH=5), proposal(LR=0.4)], trials=2)
        taken = without(history, kept_changes(history.trials)[0])
        assert taken.sources
        constants = read_constants(taken.sources)
        assert (constants["LR"], constants["DEPTH"]) == (0.4, 4)


def test_finalize_writes_one_commit_a_change_off_the_start(planted: History) -> None:
    lines = list(finalize_run(planted, "tuned", frozenset({2, 3, 4})))
    git = Plumbing(Path(planted.project.root))
    log = git("log", "--format=%B", f"{planted.run.start_commit}..tuned")
    assert "the real one" in log
    assert "Measured: val_bpb -0.2" in log
    assert git("rev-list", "--count", f"{planted.run.start_commit}..tuned").strip() == "1"
    assert read_constants(planted.sources_at("tuned").text)["LR"] == 0.3
    assert "A = 1" not in planted.sources_at("tuned").text
    assert lines[-1].startswith("next: git diff")
    with pytest.raises(UsageFault, match="already"):
        list(finalize_run(planted, "tuned", frozenset()))
    with pytest.raises(UsageFault, match="not kept"):
        list(finalize_run(planted, "other", frozenset({99})))


def test_finalize_says_that_nothing_was_kept(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.01)], trials=1)
        lines = list(finalize_run(history, "tuned", frozenset()))
    assert lines[0] == "note: nothing was kept, so tuned has no change"


def test_finalize_with_everything_is_the_runs_tip(planted: History) -> None:
    list(finalize_run(planted, "whole", frozenset()))
    assert planted.sources_at("whole").text == planted.sources.text


def measurement(number: int, against: str = "the baseline #0") -> Measurement:
    pairs = tuple(
        Pair(seed=seed, candidate=1.0 + 0.001 * seed, incumbent=1.2) for seed in (5, 6, 7)
    )
    comparison = Comparison(what=f"#{number} a claim\nTrial: 9", trial=number, pairs=pairs)
    return Measurement(
        kind="replicate",
        against=against,
        comparisons=(comparison,),
        machine="m",
        command="autoresearch replicate",
        at="2026-11-25T00:00:00+00:00",
    )


def test_what_was_measured_again_stands_on_the_branch_and_changes_nothing(planted: History) -> None:
    tip = planted.tip
    trials = planted.trials
    planted.measured_again(measurement(1))
    assert planted.same_files(tip, planted.tip)
    read = History.read(planted.project, planted.branch)
    assert (read.trials, read.foreign_commits) == (trials, ())
    assert list(read.measurements) == [measurement(1)]
    log = Plumbing(Path(planted.project.root))("log", "-1", "--format=%B", planted.branch)
    assert log.startswith("replicate #1 against the baseline #0\n\n#1 a claim")
    assert "better: -0.194000, 95 % from" in log
    work_on(planted, [proposal(LR=0.35, hypothesis="on top of it")], trials=1)
    assert (planted.trials[-1].status, planted.trials[-1].against) == ("keep", 4), (
        "it goes on behind a measurement"
    )
    assert len(History.read(planted.project, planted.branch).trials) == 6


def test_an_attempt_behind_a_measurement_is_compared_with_what_stood_there(
    planted: History,
) -> None:
    planted.measured_again(measurement(1))
    behind = planted.tip
    before = planted.trials
    work_on(planted, [proposal(LR=0.35)], trials=1)
    assert (
        planted.trials_at(behind)
        == History.read(planted.project, planted.branch).trials_at(behind)
        == before
    )
    assert planted.trials_at(planted.tip) == planted.trials


def test_the_newest_replication_of_a_trial_is_the_one_that_counts(planted: History) -> None:
    failed = Comparison(what="#1", trial=1, failure="crash: worn out")
    again = measurement(1).model_copy(update={"comparisons": (failed,)})
    assert replication_of(
        [measurement(1), again, measurement(2)], planted.trials[1]
    ) == measurement(1).of(1)
    assert replication_of([measurement(2)], planted.trials[1]) is None
    assert replication_of([measurement(2)], None) is None


def test_a_torn_measurement_is_named(planted: History) -> None:
    git = Plumbing(Path(planted.project.root))
    message = b'replicate #1\n\nMeasured-Again: {"kind": "replicate"}\n'
    commit = git(
        "commit-tree", f"{planted.tip}^{{tree}}", "-p", planted.tip, "-F", "-", stdin=message
    ).strip()
    git("update-ref", f"refs/heads/{planted.branch}", commit)
    with pytest.raises(HistoryFault, match="measurement"):
        History.read(planted.project, planted.branch)
