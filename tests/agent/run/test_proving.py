"""When the runs that prove a target or hold a guard are ordered, and under which seeds."""

from pathlib import Path

from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.decision import Keep
from agent.judge.pairing import Scores
from agent.judge.target import LEAST_FRESH, MOST_FRESH
from agent.records.objective import Objective
from agent.records.results import Order, Result, Score
from agent.run.evidence import Evidence
from agent.run.guarding import MAX_REFERENCES, Guarding
from agent.run.proving import Proving
from tests.agent.run.test_runs import begun, measured, result, score
from tests.agent.run.test_weighing import KNOWN, on_record, pairs
from tests.agent.study import proposal, study

TARGET = Objective(metric="val_bpb", target=0.8)
BETTER = Keep(reason="better", delta=-0.3)


def fresh(*values: float) -> Result:
    """Return a result with one own run, and fresh ones."""
    runs = (score(value, 50 + n, role="fresh") for n, value in enumerate(values))
    return result(score(0.7, 0), *runs)


def proved(history: History, runs: Result, verdict: Keep = BETTER) -> Order | Keep:
    ledger = measured(history)
    on_record(history, "discard", 90, pairs=pairs(KNOWN))
    attempt = begun(ledger, proposal(LR=0.3))
    step = Proving(history).step(attempt, runs, verdict, history.trials[0])
    assert isinstance(step, Order | Keep)
    return step


def test_only_what_seems_to_reach_the_target_is_tested(tmp_path: Path) -> None:
    with study(tmp_path, objective=TARGET, verdict="sequential") as history:
        near = Keep(reason="better", delta=-0.1)
        assert proved(history, fresh(), near) == near, "an estimate of 0.9"


def test_fresh_seeds_are_run_until_the_target_is_proved_or_missed(tmp_path: Path) -> None:
    with study(tmp_path, objective=TARGET, verdict="sequential") as history:
        ledger = measured(history)
        on_record(history, "discard", 90, pairs=pairs(KNOWN))
        attempt = begun(ledger, proposal(LR=0.3))

        def step(*values: float) -> Order | Keep:
            found = Proving(history).step(attempt, fresh(*values), BETTER, history.trials[0])
            assert isinstance(found, Order | Keep)
            return found

        first = step(*[0.7] * (LEAST_FRESH - 1))
        assert isinstance(first, Order) and first.role == "fresh"
        used = {run.seed for run in fresh(0.7, 0.7).scores}
        for trial in history.trials:
            if trial.result:
                used |= {run.seed for run in trial.result.scores}
        assert first.commit == attempt.commit and first.seed not in used
        done = step(*[0.7] * LEAST_FRESH)
        assert isinstance(done, Keep) and done.target and done.target.reached
        assert isinstance(step(0.7999, 0.7, 0.8999), Order), "its mean is just below the target"
        missed = step(0.9, 0.9, 0.9)
        assert isinstance(missed, Keep) and missed.target and not missed.target.reached
        most = step(*[0.7, 0.8999] * (MOST_FRESH // 2))
        assert isinstance(most, Keep) and most.target and not most.target.reached


def guarded_by(history: History, own: dict[int, Score], done: int = 0) -> Order | None:
    """Return the run of the first baseline that these scores need. done: how many there were."""
    earlier = (score(1.0, 20 + number, role="reference") for number in range(done))
    runs = result(*own.values(), *earlier)
    evidence = Evidence(runs, history.trials[0], machine_name(), own, {})
    return Guarding(history, Scores())._reference_run(evidence, {})


def test_only_a_relative_guard_needs_runs_of_the_first_baseline(tmp_path: Path) -> None:
    own = {9: score(0.9, 9, machine=machine_name(), also={"ms": 20.0})}
    for name, guard in (("absolute", "ms <= 30"), ("relative", "ms <= baseline + 1")):
        goal = Objective.model_validate({"metric": "val_bpb", "guards": [guard]})
        with study(tmp_path / name, objective=goal, verdict="sequential") as history:
            first = (score(1.0, seed, also={"ms": 20.0}) for seed in (0, 1))
            measured(history, first=result(*first))
            order = guarded_by(history, own)
            if name == "absolute":
                assert order is None
                continue
            assert order is not None
            baseline = history.trials[0].attempt
            assert (order.role, order.commit, order.seed) == ("reference", baseline, 9)
            assert guarded_by(history, own, MAX_REFERENCES - 1) is not None
            assert guarded_by(history, own, MAX_REFERENCES) is None, "it costs no more than that"
