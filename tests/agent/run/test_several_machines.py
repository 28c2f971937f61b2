"""What the ledger orders where a run has several machines, and what it compares across them."""

from pathlib import Path

import pytest

from agent.evaluate.bench import Assignment
from agent.history.history import History
from agent.judge.machines import Spread
from agent.judge.noise import noise_of
from agent.records.results import Attempt, Order, Result, Score, Trial
from agent.records.slots import Slot
from agent.run.fleet import Wait
from agent.run.ledger import Ledger, Settled
from agent.space import read_space
from sandbox.ground.budget import Budget
from tests.agent.study import project_of, proposal, study

A = "aa00aa00 H100"
B = "bb00bb00 H100"
OTHER = "cc00cc00 A100"
SLOTS = {name: Slot(number=n, cpus=(0,), machine=name) for n, name in enumerate((A, B, OTHER))}


def score(order: Order, machine: str, value: float, speed: float = 10.0) -> Result:
    own = Score(
        value=value + 0.01 * order.seed,
        seed=order.seed,
        kind="sealed",
        role=order.role,
        machine=machine,
        speed=speed,
        seconds=6.0,
    )
    return Result(status="scored", scores=(own,), seconds=6.0)


def ledger_of(history: History, *machines: str) -> Ledger:
    ledger = Ledger(history, read_space)
    ledger.fleet.join([SLOTS[name] for name in machines])
    return ledger


def begin(ledger: Ledger, attempt: Attempt, machine: str) -> Order:
    """Order the next run of an attempt on a machine, and let it train."""
    order = ledger.next(attempt, machine)
    assert isinstance(order, Order), order
    slot = SLOTS[machine]
    ledger.fleet.take(machine)
    ledger.fleet.begin(Assignment(attempt, order, slot, 1, None))
    return order


def end(
    ledger: Ledger, attempt: Attempt, order: Order, machine: str, value: float, speed: float = 10.0
) -> None:
    ledger.fleet.end(SLOTS[machine])
    ledger.record(attempt, order, score(order, machine, value, speed))


def baseline(ledger: Ledger, offset: float = 0.0, speed: float = 10.0) -> Trial:
    """Run the baseline on both machines at once. offset, speed: those of B."""
    attempt = ledger.begin_baseline()
    noise = iter((0.0, 0.0, 0.002, -0.001, -0.001, 0.001))
    for _ in range(2):
        here = begin(ledger, attempt, A)
        there = begin(ledger, attempt, B)
        assert (here.role, there.role, here.seed) == ("candidate", "baseline", there.seed)
        assert isinstance(ledger.next(attempt, B), Order | Wait)
        end(ledger, attempt, here, A, 1.0 + next(noise))
        end(ledger, attempt, there, B, 1.0 + offset + next(noise), speed)
    settled = ledger.next(attempt, A)
    assert isinstance(settled, Settled)
    return settled.trial


def verdict(ledger: Ledger, value: float, machine: str, **constants: object) -> Trial:
    """Try an edit on one machine until it has its verdict."""
    attempt = ledger.begin(proposal(**constants))
    assert isinstance(attempt, Attempt)
    noise = iter((0.001, -0.002, 0.001, 0.0, -0.001, 0.002, 0.0, 0.001))
    while isinstance(step := ledger.next(attempt, machine), Order):
        begin(ledger, attempt, machine)
        true = value if step.role == "candidate" else ledger.history.trials[-1].value or 1.0
        end(ledger, attempt, step, machine, true + next(noise))
    assert isinstance(step, Settled)
    return step.trial


def spread_of(history: History) -> Spread | None:
    return noise_of(history.comparable, history.run.sense).spread


def test_the_baseline_of_every_machine_shows_how_far_they_differ(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        trial = baseline(ledger_of(history, A, B))
        assert trial.result
        assert [(s.machine, s.role) for s in trial.result.scores] == [
            (A, "candidate"),
            (B, "baseline"),
            (A, "candidate"),
            (B, "baseline"),
        ]
        spread = spread_of(history)
        assert spread is not None and spread.machines == 2
    with History.open(project_of(tmp_path), "t") as again:
        assert spread_of(again) == spread, "the branch says the same"


def test_a_candidate_is_compared_across_machines_that_hardly_differ(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = ledger_of(history, A, B)
        baseline(ledger)
        assert verdict(ledger, 0.5, A, LR=0.3).status == "keep"
        worse = verdict(ledger, 0.9, B, LR=0.4)
        assert (worse.status, worse.against) == ("discard", 1)
        assert worse.result
        assert [s.role for s in worse.result.scores] == ["candidate"], "one run was enough"
        assert [pair.across for pair in worse.pairs] == [(B, A)]


@pytest.mark.parametrize(("offset", "speed", "unit"), [(0.5, 10.0, "steps"), (0.0, 5.0, "s")])
def test_machines_that_differ_are_compared_by_runs_on_one(
    tmp_path: Path, offset: float, speed: float, unit: str
) -> None:
    with study(tmp_path, verdict="sequential", budget=Budget(amount=3, unit=unit)) as history:
        ledger = ledger_of(history, A, B)
        baseline(ledger, offset, speed)
        assert verdict(ledger, 0.5, A, LR=0.3).status == "keep"
        worse = verdict(ledger, 0.9, B, LR=0.4)
        assert worse.result and worse.pairs
        assert "incumbent" in [score.role for score in worse.result.scores]
        assert {pair.across for pair in worse.pairs} == {None}
        is_alike = ledger._assessment.alike(A)
        curves = [is_alike(machine) for machine in (A, B, OTHER)]
        assert curves == [True, unit == "steps", False], "a curve tells no more than a speed"


def test_a_machine_of_another_model_is_never_compared(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = ledger_of(history, A, B, OTHER)
        baseline(ledger)
        assert verdict(ledger, 0.5, A, LR=0.3).status == "keep"
        trial = verdict(ledger, 0.9, OTHER, LR=0.4)
        assert {pair.across for pair in trial.pairs} == {None}
        assert trial.result
        roles = [score.role for score in trial.result.scores]
        assert roles[0] == "baseline", "how fast is it?"
        assert "incumbent" in roles


def test_a_run_of_the_incumbent_is_shared_by_attempts_that_need_it(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential") as history:
        ledger = ledger_of(history, A, B)
        baseline(ledger, offset=0.5)
        assert verdict(ledger, 0.5, A, LR=0.3).status == "keep"
        ledger.fleet.join([SLOTS[B].model_copy(update={"number": 9})])
        first = ledger.begin(proposal(LR=0.4))
        ledger.begin(proposal(LR=0.5))  # seeds take turns from trial to trial
        second = ledger.begin(proposal(LR=0.6))
        assert isinstance(first, Attempt) and isinstance(second, Attempt)
        seeds = []
        for attempt in (first, second):
            order = begin(ledger, attempt, B)
            end(ledger, attempt, order, B, 0.9)
            seeds.append(order.seed)
        assert seeds[0] == seeds[1]
        order = begin(ledger, first, B)
        assert (order.role, order.seed) == ("incumbent", seeds[0])
        assert isinstance(ledger.next(second, B), Wait)
        end(ledger, first, order, B, 0.5)
        after = ledger.next(second, B)
        assert isinstance(after, Settled), "what the other has run is enough"
        assert after.trial.result
        assert [s.role for s in after.trial.result.scores] == ["candidate"]
