"""What a scored attempt is weighed by: the run's noise, luck, budget of errors, and machine."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.evaluate.machine import machine_name
from agent.history.history import History
from agent.judge.pairing import CHECK_EVERY
from agent.records.edits import ReplaceStatements
from agent.records.objective import Objective
from agent.records.proposals import Proposal
from agent.records.results import Order, Pair, Trial
from agent.run.ledger import Ledger
from tests.agent.run.test_runs import begun, measured, ordered, result, score
from tests.agent.study import proposal, study

FLAT = result(*(score(1.0, seed) for seed in range(4)))
# 21 differences whose standard deviation is 0.01.
KNOWN = [0.01, -0.01] * 10 + [0.0]


def on_record(history: History, status: str, number: int, **fields: object) -> None:
    """Put a trial on record that was measured before."""
    tried = proposal(DEPTH=100 + number)
    usual = {"proposal": tried, "reason": "r", "result": result(score(2.0)), "against": 99}
    trial = Trial.model_validate({"number": number, "status": status, **usual, **fields})
    history.commit_verdict(history.draft(number, tried, history.sources), trial)


def pairs(differences: Sequence[float], first: int = 0) -> tuple[Pair, ...]:
    return tuple(
        Pair(seed=first + place, candidate=1.0 + difference, incumbent=1.0)
        for place, difference in enumerate(differences)
    )


def weighed(ledger: Ledger, wanted: Proposal, differences: Sequence[float]) -> str:
    """Return the status that scores give an attempt, or `rerun`."""
    attempt = begun(ledger, wanted)
    own = [score(1.0 + difference, seed) for seed, difference in enumerate(differences)]
    ledger.history.note(attempt, result(*own))
    step = ledger.next(attempt, machine_name())
    return "rerun" if isinstance(step, Order) else step.trial.status


@pytest.mark.parametrize(("false_keeps", "expected"), [(8.0, "keep"), (0.5, "rerun")])
def test_the_runs_noise_and_budget_of_errors_decide(
    tmp_path: Path, false_keeps: float, expected: str
) -> None:
    with study(tmp_path, verdict="sequential", false_keeps=false_keeps) as history:
        ledger = measured(history, first=FLAT)
        on_record(history, "discard", 1, pairs=pairs(KNOWN))
        assert weighed(ledger, proposal(LR=0.3), (-0.012, -0.010)) == expected


def test_an_unlucky_incumbent_does_not_make_a_candidate_better(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential", false_keeps=8.0) as history:
        ledger = measured(history, first=FLAT)
        on_record(history, "discard", 1, pairs=pairs(KNOWN, first=9))
        for number in (2, 3, 4):
            on_record(history, "discard", number, against=0, pairs=pairs([-0.011]))
            on_record(history, "discard", number + 10, against=0, pairs=pairs([-0.011], first=1))
        assert weighed(ledger, proposal(LR=0.3), (-0.012, -0.010)) != "keep"


@pytest.mark.parametrize(("charge", "expected"), [(0.0, "simplify"), (0.014, "rerun")])
def test_simplifications_share_one_allowance(tmp_path: Path, charge: float, expected: str) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = measured(history, first=FLAT)
        on_record(history, "discard", 1, pairs=pairs(KNOWN))
        if charge:
            on_record(history, "discard", 2, charge=charge)
        shorter = proposal(ReplaceStatements(old="print('trained')", new=""))
        assert weighed(ledger, shorter, (0.001, -0.002, 0.003)) == expected
        if expected == "simplify":
            kept = history.trials[-1]
            assert len(kept.pairs) == 3 and kept.charge and kept.charge > 0
            assert "trained" not in history.sources.text


def test_a_change_that_deletes_no_line_is_no_simplification(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = measured(history, first=FLAT)
        assert weighed(ledger, proposal(LR=0.3), (0.0,)) == "discard"


def test_the_time_of_what_is_no_better_does_not_matter(tmp_path: Path) -> None:
    steady = result(*(score(1.0, seed, seconds=10.0) for seed in range(4)))
    limited = Objective(metric="val_bpb", limit="1.1x")
    with study(tmp_path, verdict="sequential", budget=None, objective=limited) as history:
        ledger = measured(history, first=steady)
        on_record(history, "discard", 90, pairs=pairs(KNOWN))
        beside = score(1.0, 0, role="incumbent", seconds=10.0)
        steps: list[tuple[str, int] | str] = []
        for depth, differences in enumerate(((-0.001,), (0.001, 0.003), (0.001, -0.003), (-0.1,))):
            attempt = begun(ledger, proposal(DEPTH=5 + depth))
            own = (
                score(1.0 + difference, 3 - place, seconds=12.0)
                for place, difference in enumerate(differences)
            )
            further = (beside,) if len(differences) > 1 else ()
            history.note(attempt, result(*own, *further))
            step = ledger.next(attempt, machine_name())
            if isinstance(step, Order):
                steps.append((step.role, step.seed))
            else:
                steps.append(step.trial.status)
    assert steps == ["discard", "discard", "over-limit", ("incumbent", 3)]


def test_a_trial_is_weighed_on_the_machine_of_its_newest_run(tmp_path: Path) -> None:
    here = machine_name()
    both = result(score(1.0, 0, machine="elsewhere"), score(1.0, 1, machine=here, seconds=2.0))
    with study(tmp_path) as history:
        ledger = measured(history, first=both)
        attempt = begun(ledger, proposal(LR=0.3))
        runs = (score(0.9, 0, machine="elsewhere"), score(1.1, 1, machine=here))
        history.note(attempt, result(*runs))
        step = ledger.next(attempt, machine_name())
        assert not isinstance(step, Order)
        assert step.trial.status == "discard"
        assert step.trial.pairs == (Pair(seed=1, candidate=1.1, incumbent=1.0),)


def test_a_trial_has_at_most_fourteen_runs(tmp_path: Path) -> None:
    """None of these runs compares with the incumbent's: each was made on another machine."""
    with study(tmp_path, verdict="sequential") as history:
        ledger = measured(history, first=FLAT)
        attempt = begun(ledger, proposal(LR=0.3))
        runs = [score(1.0, 100 + place, machine=f"m{place}") for place in range(14)]
        history.note(attempt, result(*runs[:13]))
        assert ordered(ledger, attempt).role == "incumbent"
        history.note(attempt, result(*runs))
        step = ledger.next(attempt, machine_name())
        assert not isinstance(step, Order)
        assert (step.trial.status, step.trial.delta) == ("discard", None)
        assert step.trial.reason.endswith("the runs differ too much in speed")


def test_an_incumbent_that_was_not_run_for_long_is_run_again(tmp_path: Path) -> None:
    steady = result(score(1.0, 0, speed=10.0), score(1.0, 1, speed=10.0))
    timed = {"amount": 60, "unit": "s"}
    with study(tmp_path, verdict="sequential", budget=timed) as history:
        ledger = measured(history, first=steady)
        for number in range(1, CHECK_EVERY):
            on_record(history, "discard", number)
        early = begun(ledger, proposal(LR=0.3))
        history.note(early, result(score(1.2, 0, speed=10.0)))
        assert not isinstance(ledger.next(early, machine_name()), Order)
        late = begun(ledger, proposal(LR=0.4))
        history.note(late, result(score(1.2, 0, speed=10.0)))
        order = ordered(ledger, late)
        assert (order.role, order.commit) == ("incumbent", history.trials[0].attempt)


@pytest.mark.parametrize(
    ("claimed", "beside", "expected"),
    [
        ((7.0, 7.0, 10.0, 10.0, 10.0), (10.0, 10.0), "discard"),
        ((7.0, 10.0, 10.0, 10.0, 10.0), (10.0, 10.0), "keep"),
        ((7.0, 7.0, 10.0, 10.0, 10.0), (7.0, 10.0), "keep"),
    ],
)
def test_a_candidate_does_not_choose_by_its_speed_which_runs_count(
    tmp_path: Path, claimed: Sequence[float], beside: Sequence[float], expected: str
) -> None:
    """How many steps it made is its own word: here it was unlucky where it claims few."""
    timed = {"amount": 60, "unit": "s"}
    steady = result(*(score(1.0, seed, speed=10.0) for seed in range(6)))
    with study(tmp_path, verdict="sequential", budget=timed) as history:
        ledger = measured(history, first=steady)
        runs = result(*(score(1.0, seed, role="incumbent", speed=10.0) for seed in range(20)))
        on_record(history, "discard", 1, against=0, pairs=pairs(KNOWN), result=runs)
        attempt = begun(ledger, proposal(LR=0.3))
        own = [
            score(0.96 if speed == 10.0 else 1.02, seed, speed=speed)
            for seed, speed in enumerate(claimed)
        ]
        again = [
            score(1.0, seed, role="incumbent", speed=speed) for seed, speed in enumerate(beside)
        ]
        history.note(attempt, result(*own, *again))
        step = ledger.next(attempt, machine_name())
        assert not isinstance(step, Order)
        assert step.trial.status == expected
        if expected == "discard":
            assert step.trial.reason.startswith("2 of its runs went at another speed")
