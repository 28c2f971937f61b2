"""Slots that join, are taken, end, leave and are lost; and attempts that wait for one."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.evaluate.bench import Assignment
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order
from agent.records.slots import Slot
from agent.run.fleet import Fleet
from agent.run.line import Line

A = "3f9a01c2 H100"
B = "77aa01c2 H100"


def slot(number: int, place: str = "", machine: str = A) -> Slot:
    return Slot(number=number, cpus=(), place=place, machine=machine)


def attempt(number: int, origin: str = "scripted") -> Attempt:
    by = Provenance.model_validate({"method": "list", "origin": origin})
    proposal = Proposal(hypothesis="x", by=by)
    return Attempt(number=number, commit=f"{number}", parent="p", proposal=proposal)


def run(number: int, where: Slot) -> Assignment:
    return Assignment(attempt(number), Order(commit=f"{number}", seed=0), where, 1, None)


def training_on(slots: list[Slot]) -> tuple[Fleet, Slot]:
    """Return a fleet with these slots, and the one of them on A in which a trial trains."""
    fleet = Fleet()
    fleet.join(slots)
    taken = fleet.take(A)
    assert taken
    fleet.begin(run(7, taken))
    return fleet, taken


def test_a_lost_slot_takes_its_place_with_it() -> None:
    fleet, taken = training_on([slot(0, "a"), slot(1, "a"), slot(2, "b", B)])
    fleet.lose(taken)
    assert [left.number for left in fleet.slots] == [2]
    assert [free.number for free in fleet.free] == [2]
    assert fleet.machines == (B,) and not fleet.running


def test_a_place_that_is_back_before_its_loss_is_known_stays() -> None:
    fleet, taken = training_on([slot(0, "a"), slot(1, "a")])
    fleet.leave("a")
    fleet.join([slot(2, "a")])
    fleet.lose(taken)
    assert [left.number for left in fleet.slots] == [2]


def test_a_place_that_is_told_of_twice_has_its_slots_once() -> None:
    fleet, taken = training_on([slot(0, "a")])
    fleet.join([slot(0, "a")])
    assert not fleet.free
    fleet.lose(taken)
    assert not fleet.slots


def test_a_slot_that_joins_again_during_its_run_is_free_after_it() -> None:
    fleet, taken = training_on([slot(0, "a")])
    fleet.leave("a")
    fleet.join([slot(0, "a")])
    assert not fleet.free
    fleet.end(taken)
    assert list(fleet.free) == [slot(0, "a")]


def test_a_lost_slot_of_this_machine_takes_no_other_with_it() -> None:
    fleet, taken = training_on([slot(0), slot(1)])
    fleet.lose(taken)
    assert fleet.slots == tuple(fleet.free) == (slot(1),)


def test_a_run_that_ends_after_its_place_left_frees_nothing() -> None:
    fleet, taken = training_on([slot(0, "a")])
    fleet.leave("a")
    fleet.end(taken)
    assert not fleet.free and not fleet.slots


def test_an_attempt_that_needs_a_machine_waits_for_it_and_lets_others_by() -> None:
    fleet = Fleet()
    fleet.join([slot(0, "a", A), slot(1, "b", B)])
    line = Line([attempt(2)], fleet)
    busy = fleet.take(B)
    assert busy
    fleet.begin(run(9, busy))
    line.put_back(attempt(1), B)
    assert line.ready == 1
    assert line.take() == (attempt(2), A)
    assert line.take() is None
    fleet.end(busy)
    assert line.take() == (attempt(1), B)


def test_an_attempt_that_needs_a_machine_which_is_gone_takes_another() -> None:
    fleet = Fleet()
    fleet.join([slot(0, "a", A)])
    line = Line([], fleet)
    line.put_back(attempt(1), B)
    assert line.take() == (attempt(1), A)


def test_an_attempt_that_needed_a_machine_once_may_take_another_later() -> None:
    fleet = Fleet()
    fleet.join([slot(0, "a", A), slot(1, "b", B)])
    assert fleet.take(B)
    line = Line([], fleet)
    line.put_back(attempt(1), B)
    line.put_first(attempt(1))
    assert line.ready == 1
    assert line.take() == (attempt(1), A)


def test_an_attempt_with_nothing_to_run_is_asked_again_when_something_ended() -> None:
    fleet = Fleet()
    fleet.join([slot(0, "a", A), slot(1, "b", B)])
    line = Line([attempt(1)], fleet)
    line.hold(attempt(1), A)
    assert line.take() == (attempt(1), B), "another machine may have something for it"
    line.put_first(attempt(1))
    line.hold(attempt(1), B)
    assert line.take() is None and line.ready == 0
    line.wake()
    assert line.take() == (attempt(1), A)


def test_waiting_attempts_keep_their_order_and_lost_ones_come_first() -> None:
    fleet = Fleet()
    line = Line([attempt(1), attempt(3)], fleet)
    line.put_back(attempt(2))
    line.put_back(attempt(4), B)
    line.put_back(attempt(1))
    assert [waiting.number for waiting in line] == [1, 2, 3, 4]
    line.put_first(attempt(3))
    assert [waiting.number for waiting in line] == [3, 1, 2, 4]


def test_a_baseline_never_waits_in_line() -> None:
    line = Line([attempt(0, "baseline"), attempt(1)], Fleet())
    line.put_first(attempt(0, "baseline"))
    assert [waiting.number for waiting in line] == [1]


def test_a_machine_that_is_dropped_keeps_no_slot_and_a_probe_takes_one_of_this_machine() -> None:
    fleet = Fleet()
    fleet.join([slot(0, "a", A), slot(1, "b", B), slot(2, "", A)])
    assert fleet.cores_on(A, 7) is None, "all of them"
    assert fleet.cores_on("another", 7) == 7
    with_cores = slot(3, "c", "c H100").model_copy(update={"cpus": (0, 1)})
    fleet.join([with_cores])
    assert fleet.cores_on("c H100", None) == 2
    here = fleet.take_here()
    assert here and here.number == 2
    assert fleet.take_here() is None, "the others are elsewhere"
    fleet.give_back(here)
    assert fleet.free[0] == here, "the slot that was used last is used first"
    fleet.drop(A)
    assert [left.number for left in fleet.slots] == [1, 3]
    fleet.give_back(here)
    assert here not in fleet.free, "its machine is gone"
    assert fleet.machines == fleet.free_machines == (B, "c H100")


class Places(RuleBasedStateMachine):
    """Any order of what may happen to the slots of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet()
        self.numbers = 0
        self.present: set[int] = set()

    @rule(place=st.sampled_from("abc"), size=st.integers(1, 3))
    def join(self, place: str, size: int) -> None:
        new = [slot(self.numbers + n, place, f"{place} H100") for n in range(size)]
        self.numbers += size
        self.present |= {each.number for each in new}
        self.fleet.join(new)

    @precondition(lambda self: self.fleet.free)
    @rule(number=st.integers(0, 3))
    def begin(self, number: int) -> None:
        taken = self.fleet.take(self.fleet.free_machines[0])
        assert taken and taken.number in self.present
        self.fleet.begin(run(number, taken))

    @precondition(lambda self: self.fleet.running)
    @rule(lost=st.booleans(), which=st.integers(0, 99))
    def end(self, lost: bool, which: int) -> None:
        runs = list(self.fleet.running.values())
        where = runs[which % len(runs)].slot
        if lost:
            self.fleet.lose(where)
            assert where.number not in {left.number for left in self.fleet.slots}
            self.present = {left.number for left in self.fleet.slots}
        else:
            self.fleet.end(where)

    @rule(place=st.sampled_from("abc"))
    def leave(self, place: str) -> None:
        self.fleet.leave(place)
        assert all(left.place != place for left in self.fleet.slots)
        self.present = {left.number for left in self.fleet.slots}

    @invariant()
    def every_slot_is_free_or_taken_and_none_is_both(self) -> None:
        free = [each.number for each in self.fleet.free]
        assert len(set(free)) == len(free)
        assert {each.number for each in self.fleet.slots} == self.present
        taken = set(self.fleet.running) & self.present
        assert set(free) | taken == self.present and not set(free) & taken


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
