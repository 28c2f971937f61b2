"""What a lost place counts for, and how long a session without any place lasts."""

import threading
from pathlib import Path

import pytest

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment
from agent.propose import Context
from agent.records.proposals import Proposal
from agent.records.results import Order
from agent.records.slots import Slot
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
from tests.agent.run.nodes import WHY, Nodes, bench_of
from tests.agent.run.test_places import MACHINES, WORSE, by_number, events_of
from tests.agent.study import proposal, study


def test_a_place_that_had_several_runs_of_the_baseline_is_lost_once(tmp_path: Path) -> None:
    """A node of many accelerators dies in the middle of it: that is one machine, not three."""
    together = threading.Barrier(3, timeout=60)
    begun: list[int] = []

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        if assignment.slot.place != "a":
            return
        begun.append(assignment.slot.number)
        if len(begun) == 3:
            nodes.kill("a")
        together.wait()

    with study(tmp_path, baseline_repeats=3) as history:
        nodes = Nodes(bench_of(history), {"a": 3, "b": 1}, decide, MACHINES)
        events_of(history, nodes, (0.2,))
        baseline, kept = by_number(history)
        assert (baseline.status, kept.status) == ("baseline", "keep")
        assert [loss.place for loss in baseline.losses] == ["a", "a", "a"]
        assert [loss.own for loss in baseline.losses].count(True) == 1


def test_machines_that_only_show_how_they_differ_are_not_held_against_a_baseline(
    tmp_path: Path,
) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        baseline = ledger.begin_baseline()
        elsewhere = Order(commit=baseline.commit, seed=0, role="baseline")
        own = Order(commit=baseline.commit, seed=0)
        faults = []
        for number, order in enumerate([*[elsewhere] * 4, *[own] * 3]):
            slot = Slot(number=number, cpus=(), machine=f"{number:08x} x86_64", place=f"n{number}")
            faults.append(ledger.lose(Assignment(baseline, order, slot, 1, None), WHY))
        assert faults == [False] * 6 + [True]


class LosesItsPlace:
    """Proposes; while it writes its second proposal, the only place is lost."""

    name = "slow"
    looks_ahead = False

    def __init__(self, nodes: Nodes, found: bool) -> None:
        self._nodes = nodes
        self._found = found
        self._rates = iter((0.2, WORSE))

    def propose(self, context: Context) -> Proposal:
        """Return the next proposal."""
        rate = next(self._rates)
        if rate == WORSE:
            self._nodes.is_seeking = True
            self._nodes.kill("a")
            threading.Timer(0.2, self._end_search).start()
        return proposal(LR=rate)

    def _end_search(self) -> None:
        if self._found:
            self._nodes.join("b")
        self._nodes.is_seeking = False


@pytest.mark.parametrize("found", [True, False])
def test_a_session_lasts_while_a_place_is_looked_for(tmp_path: Path, found: bool) -> None:
    """Nothing trains when the last place is lost: whether another one is fit is not known yet."""
    with study(tmp_path) as history:
        nodes = Nodes(bench_of(history), {"a": 1})
        proposer = LosesItsPlace(nodes, found)
        loop = Loop(
            Ledger(history, read_space), nodes, proposer, Bounds(trials=2), threading.Event()
        )
        if found:
            list(loop.events())
        else:
            with pytest.raises(PlaceLost, match="no place to train is left"):
                list(loop.events())
        done = {number: place for number, place, _ in nodes.done}
        assert done == ({0: "a", 1: "a", 2: "b"} if found else {0: "a", 1: "a"})
