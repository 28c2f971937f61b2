"""Places that are lost, come late and come back, under the real loop, ledger and history."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agent.errors import PlaceLost, ProjectFault
from agent.evaluate.bench import Assignment
from agent.history.history import History
from agent.records.events import Event, Judged, PlaceJoined, PlaceLeft, TrainingLost, TrialStarted
from agent.records.losses import MOST_LOSSES
from agent.records.results import Attempt, Order, Trial
from agent.records.slots import Slot
from agent.run.bounds import Bounds
from agent.run.fleet import Wait
from agent.run.ledger import Ledger, Settled
from agent.run.loop import Loop
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Crashed, Outcome, RunSpec, Usage
from tests.agent.run.nodes import HERE, WHY, Nodes, bench_of, loop_over
from tests.agent.study import ListProposer, Script, project_of, proposal, seed_of, study, train

WORSE = 0.05
"""A rate that is discarded."""
Decide = Callable[[Nodes, Assignment], None]


def lost_when(number: int, times: int = 1, back: bool = False) -> Decide:
    """Return what kills the place of attempt `number` while it trains, so many times."""
    killed: list[str] = []

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        if assignment.attempt.number == number and len(killed) < times:
            place = assignment.slot.place
            killed.append(place)
            nodes.kill(place)
            if back:
                nodes.join(place)

    return decide


def by_number(history: History) -> list[Trial]:
    return sorted(history.trials, key=lambda trial: trial.number)


def machines_of(trials: Sequence[Trial]) -> set[str]:
    """Return the machines on which trials were scored."""
    machines: set[str] = set()
    for trial in trials:
        if trial.result:
            machines |= {score.machine for score in trial.result.scores}
    return machines


def events_of(
    history: History, nodes: Nodes, rates: tuple[float, ...], trials: int | None = None
) -> list[Event]:
    proposer = ListProposer([proposal(LR=rate) for rate in rates])
    return list(loop_over(history, nodes, proposer, trials or len(rates)).events())


def test_what_a_lost_place_trained_runs_elsewhere_first_in_line(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1, "b": 1}, lost_when(1))
        events = events_of(history, nodes, (0.2, WORSE))
        trials = by_number(history)
        assert [trial.status for trial in trials] == ["baseline", "keep", "discard"]
        [loss] = trials[1].losses
        assert (loss.machine, loss.own) == (HERE, True)
        assert loss.why == f"{loss.place} is gone: {WHY}"
    [told] = [event for event in events if isinstance(event, TrainingLost)]
    assert (told.attempt.number, told.place) == (1, loss.place)
    begun = events.index(told)
    left = [event for event in events if isinstance(event, PlaceLeft)]
    assert left == [PlaceLeft(loss.place, WHY)]
    later = [event for event in events[begun:] if isinstance(event, TrialStarted)]
    places = {event.place for event in later}
    assert places and loss.place not in places, "nothing more begins at a lost place"
    assert sorted(number for number, _, _ in nodes.done) == [0, 0, 1, 2]
    assert nodes.closed == 1


def test_three_losses_of_one_attempt_are_its_own_fault(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1}, lost_when(1, MOST_LOSSES, back=True))
        events_of(history, nodes, (0.2, 0.3))
        trials = history.trials
        _, crash, fine = by_number(history)
        assert (crash.status, fine.status) == ("crash", "keep")
        assert crash.reason == (f"takes its machine down: 3 were lost under it; the last, a: {WHY}")
        assert len(crash.losses) == MOST_LOSSES
        assert crash.result and crash.result.status == "crash" and not crash.result.scores
    with History.open(project_of(tmp_path), "t") as history:
        assert history.trials == trials, "the branch says the same"


def test_a_loss_under_the_incumbent_is_not_held_against_an_attempt(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        events_of(history, Nodes(bench_of(history), {"a": 1}), (0.2,))
        ledger = Ledger(history, read_space)
        attempt = ledger.begin(proposal(LR=0.3))
        assert isinstance(attempt, Attempt)
        slot = Slot(number=0, cpus=(), machine=HERE, place="a")
        other = Order(commit=history.trials[0].attempt, seed=0, role="incumbent")
        own = Order(commit=attempt.commit, seed=0)
        faults = [
            ledger.lose(Assignment(attempt, order, slot, 1, None), WHY)
            for order in (other, other, other, own, own, own)
        ]
        assert faults == [False] * 5 + [True]


def test_no_place_left_ends_the_run_which_goes_on_elsewhere(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1, "b": 1}, lost_when(1, 2))
        with pytest.raises(PlaceLost, match="no place to train is left") as fault:
            events_of(history, nodes, (0.2, WORSE))
        assert fault.value.next_command == "autoresearch resume"
        assert nodes.closed == 1
    with History.open(project_of(tmp_path), "t") as history:
        [attempt, *_] = history.in_flight
        assert attempt.number == 1
        assert {loss.place for loss in history.losses(attempt)} == {"a", "b"}
        nodes = Nodes(bench_of(history), {"c": 1})
        events_of(history, nodes, (0.06, 0.07, 0.08), trials=1)
        kept = by_number(history)[1]
        assert kept.status == "keep"
        assert {loss.place for loss in kept.losses} == {"a", "b"}
        assert {place for _, place, _ in nodes.done} == {"c"}


def test_losses_of_earlier_sessions_count(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1, "b": 1}, lost_when(1, 2))
        with pytest.raises(PlaceLost):
            events_of(history, nodes, (0.2, WORSE))
    with History.open(project_of(tmp_path), "t") as history:
        nodes = Nodes(bench_of(history), {"c": 1, "d": 1}, lost_when(1))
        events_of(history, nodes, (0.06, 0.07, 0.08), trials=1)
        assert by_number(history)[1].status == "crash"


def test_a_baseline_whose_place_is_lost_begins_again(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1, "b": 1}, lost_when(0))
        events_of(history, nodes, (0.2,))
        assert [trial.status for trial in history.trials] == ["baseline", "keep"]
        assert [loss.place for loss in history.trials[0].losses] == ["a"]


def test_a_place_that_is_only_lost_by_its_runs_gets_no_more_of_them(tmp_path: Path) -> None:
    """The engine says nothing: the first run that fails tells of every slot of the place."""

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        if assignment.attempt.number == 1:
            nodes.kill("a", says_so=False)

    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 3, "b": 1}, decide)
        events_of(history, nodes, (0.2, WORSE, 0.06))
        assert history.in_flight == ()
        assert {place for number, place, _ in nodes.done if number} == {"b"}
        assert all(len(trial.losses) <= 1 for trial in history.trials)


def test_a_place_that_comes_late_trains_from_then_on(tmp_path: Path) -> None:
    waits = threading.Barrier(2, timeout=60)

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        number = assignment.attempt.number
        if number == 1:
            nodes.join("b")
        if number in (1, 2):
            waits.wait()  # both train at once, or this never ends

    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1}, decide)
        events = events_of(history, nodes, (0.2, WORSE))
        assert history.in_flight == ()
    joined = [event for event in events if isinstance(event, PlaceJoined)]
    assert [event.place for event in joined] == ["b"]
    assert {place for number, place, _ in nodes.done if number == 2} == {"b"}


def test_another_machine_first_shows_how_long_the_baseline_takes_there(tmp_path: Path) -> None:
    def decide(nodes: Nodes, assignment: Assignment) -> None:
        if assignment.attempt.number == 1 and assignment.slot.place == "a":
            nodes.join("b")
            nodes.kill("a")

    with study(tmp_path, budget=Budget(amount=3)) as history:
        nodes = Nodes(bench_of(history), {"a": 1}, decide, {"b": "77aa01c2 x86_64"})
        events_of(history, nodes, (0.2,))
        assert history.trials[1].status == "keep"
    runs = [(place, role) for number, place, role in nodes.done if number == 1]
    assert runs[:2] == [("b", "baseline"), ("b", "candidate")]


def test_a_machine_that_cannot_train_the_baseline_is_left_out(tmp_path: Path) -> None:
    broken = "77aa01c2 x86_64"

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        if nodes.here == "b":
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "ModuleNotFoundError: torch\n"
        return train(spec)

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        number = assignment.attempt.number
        if assignment.slot.place == "b":
            tried.set()
        elif number == 1:
            nodes.join("b")
        if number:
            assert tried.wait(60), "no slot of a is free until something ran at b"

    tried = threading.Event()
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history, script), {"a": 2}, decide, {"b": broken})
        proposals = [proposal(LR=rate) for rate in (0.05, 0.06, 0.07)]
        events = list(loop_over(history, nodes, ListProposer(proposals), trials=3).events())
        assert [trial.status for trial in history.trials] == ["baseline", *["discard"] * 3]
        assert machines_of(history.trials) == {HERE}
    [left] = [event for event in events if isinstance(event, PlaceLeft)]
    assert left.place == "b" and "the baseline fails on this machine" in left.why


def script_of(nodes: list[Nodes], broken: str) -> Script:
    """Return trainings that fail at the places named in `broken`."""

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        if nodes[0].here in broken:
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "ModuleNotFoundError: torch\n"
        return train(spec)

    return script


@pytest.mark.parametrize("broken", ["a", "b", "c", "ab", "bc"])
def test_a_first_baseline_fails_only_if_no_machine_trains_it(tmp_path: Path, broken: str) -> None:
    together = threading.Barrier(3, timeout=60)
    tried: set[str] = set()

    def decide(_: Nodes, assignment: Assignment) -> None:
        if assignment.attempt.number == 0 and assignment.slot.place not in tried:
            tried.add(assignment.slot.place)
            together.wait()

    known: list[Nodes] = []
    with study(tmp_path, baseline_repeats=1) as history:
        bench = bench_of(history, script_of(known, broken))
        nodes = Nodes(bench, dict.fromkeys("abc", 1), decide, MACHINES)
        known.append(nodes)
        events = events_of(history, nodes, (WORSE,))
        assert [trial.status for trial in by_number(history)] == ["baseline", "discard"]
        assert machines_of(history.trials) == {MACHINES[p] for p in "abc" if p not in broken}
    left = {event.place for event in events if isinstance(event, PlaceLeft)}
    assert left == set(broken)


def test_a_baseline_that_no_machine_trains_ends_the_run(tmp_path: Path) -> None:
    known: list[Nodes] = []
    with study(tmp_path) as history:
        bench = bench_of(history, script_of(known, "abc"))
        nodes = Nodes(bench, dict.fromkeys("abc", 1), machines=MACHINES)
        known.append(nodes)
        with pytest.raises(ProjectFault, match="torch"):
            events_of(history, nodes, (WORSE,))
    assert [trial.status for trial in History.read(project_of(tmp_path), "t").trials] in (
        ["crash"],
        [],
    )


def test_a_baseline_that_fails_under_one_seed_fails(tmp_path: Path) -> None:
    """Its runs train at once, and what ends after the failure does not hide it."""
    failed = threading.Event()

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        if seed_of(spec) == 1:
            failed.set()
            return Crashed(usage=Usage(seconds=1.0), exit_code=1), "RuntimeError: one\n"
        assert failed.wait(60)
        return train(spec)

    with study(tmp_path, baseline_repeats=3) as history:
        nodes = Nodes(bench_of(history, script), {"a": 2})
        with pytest.raises(ProjectFault, match="one"):
            events_of(history, nodes, (WORSE,))
        assert [trial.status for trial in history.trials] == ["crash"]
        assert history.in_flight == ()


def test_an_engine_without_a_slot_ends_the_run_at_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        with pytest.raises(PlaceLost, match="no place to train is left"):
            events_of(history, Nodes(bench_of(history), {}), (0.2,))
        assert not history.trials and not history.in_flight


def test_an_abort_counts_no_loss(tmp_path: Path) -> None:
    with study(tmp_path) as history:

        def decide(nodes: Nodes, assignment: Assignment) -> None:
            if assignment.attempt.number == 1:
                loop.abort()
                nodes.kill("a")

        nodes = Nodes(bench_of(history), {"a": 1}, decide)
        loop = loop_over(history, nodes, ListProposer([proposal(LR=0.2)]))
        events = list(loop.events())
        assert not [event for event in events if isinstance(event, TrainingLost)]
        [attempt] = history.in_flight
        assert history.losses(attempt) == ()
    with History.open(project_of(tmp_path), "t") as history:
        events = events_of(history, Nodes(bench_of(history), {"a": 1}), (), trials=1)
        assert [e.trial.status for e in events if isinstance(e, Judged)] == ["keep"]


class Pinning(Ledger):
    """Orders every run of #1 on one machine."""

    def next(self, attempt: Attempt, machine: str) -> Order | Wait | Settled:
        """Return what the assessment orders, but that."""
        step = super().next(attempt, machine)
        if isinstance(step, Order) and attempt.number == 1:
            return step.model_copy(update={"machine": MACHINES["c"]})
        return step


MACHINES = {"a": "aa00aa00 x86_64", "b": "bb00bb00 x86_64", "c": "cc00cc00 x86_64"}


def test_the_baseline_runs_on_every_machine_at_once_and_an_order_may_name_one(
    tmp_path: Path,
) -> None:
    together = threading.Barrier(3, timeout=60)

    def decide(_: Nodes, assignment: Assignment) -> None:
        if assignment.attempt.number == 0:
            together.wait()

    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), dict.fromkeys("abc", 1), decide, MACHINES)
        rates = [proposal(LR=rate) for rate in (WORSE, 0.06, 0.07)]
        ledger = Pinning(history, read_space)
        loop = Loop(ledger, nodes, ListProposer(rates), Bounds(trials=3), threading.Event())
        list(loop.events())
        baseline = history.trials[0]
        assert baseline.result
        assert {score.machine for score in baseline.result.scores} == set(MACHINES.values())
        assert {score.seed for score in baseline.result.scores} == {0, 1}
        assert sorted(trial.number for trial in history.trials) == [0, 1, 2, 3]
    own = {place for number, place, role in nodes.done if number == 1 and role == "candidate"}
    assert own == {"c"}
