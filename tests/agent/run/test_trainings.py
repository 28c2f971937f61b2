"""What follows when a run ends, is lost or is to be skipped, and what waits for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.evaluate.bench import Assignment
from agent.evaluate.machine import machine_name
from agent.records.events import PlaceJoined, TrainingLost, TrialWaits
from agent.records.inputs import Skip
from agent.records.results import Attempt, Order
from agent.records.slots import Slot
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger, Settled
from agent.run.loop import Loop
from agent.run.workers import Trained
from tests.agent.run.test_runs import begun, measured
from tests.agent.run.test_settling import change_by_hand, said
from tests.agent.run.test_workers import Measuring, received, until_told
from tests.agent.study import ListProposer, proposal, study

SLOTS = tuple(Slot(number=n, cpus=(n,)) for n in range(3))


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A session over a measured run, whose trainings end when they are told to."""
    bench = Measuring(until_told)
    bench.slots = SLOTS
    with study(tmp_path) as history:
        ledger = measured(history)
        loop = Loop(ledger, bench, ListProposer([]), Bounds(), threading.Event())
        with loop._workers:
            yield loop


def ledger_of(loop: Loop) -> Ledger:
    return loop._ledger


def trained(loop: Loop, attempt: Attempt, seed: int = 0) -> Assignment:
    """Return a run of an attempt that was started."""
    slot = loop._fleet.take(machine_name())
    assert slot is not None
    order = Order(commit=attempt.commit, seed=seed)
    run = ledger_of(loop).assignment(attempt, order, slot)
    loop._workers.train(run)
    return run


def ended(loop: Loop) -> Trained:
    message = received(loop._workers)
    assert isinstance(message, Trained)
    return message


def waiting(loop: Loop) -> list[int]:
    return [attempt.number for attempt in loop._line]


def test_a_skip_ends_every_run_of_its_attempt_and_then_gives_the_verdict(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    other = begun(ledger_of(loop), proposal(LR=0.4))
    for seed, each in enumerate((attempt, attempt, other)):
        trained(loop, each, seed)
    said(ledger_of(loop), Skip(number=attempt.number))
    assert list(loop._trainings.skip(attempt.number)) == []
    assert list(loop._trainings.take(ended(loop))) == [], "one of them is still under way"
    [settled] = loop._trainings.take(ended(loop))
    assert isinstance(settled, Settled)
    assert (settled.trial.number, settled.trial.status) == (attempt.number, "skipped")
    assert list(loop._fleet.attempts) == [other.number], "the other one trains on"


def test_an_attempt_that_waits_is_skipped_at_once_and_leaves_the_line(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    loop._line.put_first(attempt)
    [settled] = loop._trainings.skip(attempt.number)
    assert isinstance(settled, Settled) and settled.trial.status == "skipped"
    assert waiting(loop) == []


def test_what_was_lost_goes_before_older_attempts(loop: Loop) -> None:
    older = begun(ledger_of(loop), proposal(LR=0.3))
    lost = begun(ledger_of(loop), proposal(LR=0.4))
    loop._line.put_first(older)
    order = Order(commit=lost.commit, seed=0)
    run = Assignment(lost, order, SLOTS[0].model_copy(update={"place": "node-a"}), 1, None)
    [event] = loop._trainings._lost(run, "the node died")
    assert isinstance(event, TrainingLost)
    assert waiting(loop) == [lost.number, older.number]


def test_a_change_of_places_wakes_what_had_nothing_to_run(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    loop._line.put_first(attempt)
    loop._line.hold(attempt, machine_name())
    assert loop._line.ready == 0
    list(loop._trainings.take(PlaceJoined("node-a", ())))
    assert loop._line.ready == 1


def test_a_baseline_waits_until_every_trial_in_training_has_ended(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    trained(loop, attempt)
    change_by_hand(ledger_of(loop))
    ledger_of(loop).history.take_in()
    assert ledger_of(loop).needs_baseline
    assert list(loop._trainings.start_baseline()) == []
    assert ledger_of(loop).history.in_flight == (attempt,)
    loop._workers.end(attempt.number)
    ended(loop)
    loop._fleet.join([Slot(number=9, cpus=(0,), machine="another H100", place="node-b")])
    assert list(loop._trainings.start_baseline()) == []
    [_, baseline] = ledger_of(loop).history.in_flight
    assert baseline.proposal.is_baseline
    assert list(loop._fleet.attempts) == [baseline.number]
    machines = {run.slot.machine for run in loop._fleet.running.values()}
    assert machines == {machine_name(), "another H100"}, "it begins on all of them at once"


def test_the_last_machine_that_cannot_train_the_baseline_ends_the_run(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    run = Assignment(attempt, Order(commit="c", seed=0, role="baseline"), SLOTS[0], 1, None)
    fault = ProjectFault("the baseline fails on this machine", "autoresearch start")
    with pytest.raises(ProjectFault, match="the baseline fails"):
        list(loop._trainings._unfit(run, fault))
    other = Slot(number=9, cpus=(0,), machine="another H100", place="node-b")
    loop._fleet.join([other])
    list(loop._trainings._unfit(run, fault))
    assert loop._fleet.slots == (other,)
    assert waiting(loop) == [attempt.number], "it goes on elsewhere"


def test_in_a_pause_the_next_run_of_an_attempt_waits(loop: Loop) -> None:
    attempt = begun(ledger_of(loop), proposal(LR=0.3))
    loop._trainings._is_paused = lambda: True
    [event] = loop._trainings.advance(attempt, machine_name())
    assert isinstance(event, TrialWaits) and event.attempt == attempt
    assert waiting(loop) == [attempt.number] and not loop._fleet.running
