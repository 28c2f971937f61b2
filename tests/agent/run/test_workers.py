"""Threads that train: how each kind of end is reported, and which runs an order to end ends."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from agent.edit.files import Sources
from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment, PlaceListener
from agent.evaluate.probe import Probe, Probed
from agent.evaluate.watch import Listener
from agent.records.guards import Checks
from agent.records.results import Attempt, Order, Result
from agent.records.slots import Slot
from agent.run.fleet import Fleet
from agent.run.probing import NotProbed, Probing, Waiting
from agent.run.workers import Lost, Message, ProbeEnded, Trained, TrainingFailed, Workers
from tests.agent.study import proposal

SECONDS = 30.0
"""After which a test gives up."""
SLOTS = tuple(Slot(number=n, cpus=(n,), machine="m", place="abb"[n]) for n in range(3))
SOURCES = Sources.of("LR = 1\n")
CRASH = Result(status="crash", detail="x")


class Measuring:
    """A bench that does in each run what a test says."""

    slots = SLOTS
    is_seeking = False

    def __init__(self, run: Callable[[threading.Event], Result | None]) -> None:
        self._run = run
        self.is_open = False

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Begin."""
        self.is_open = True

    def close(self) -> None:
        """End."""
        self.is_open = False

    def run(self, _: Assignment, __: Listener, cancel: threading.Event) -> Result | None:
        """Do it."""
        return self._run(cancel)

    def check(self, _: Assignment, __: Listener, cancel: threading.Event) -> Checks | None:
        """Succeed at once."""
        return Checks(checks=())

    def probe(self, wanted: Probe, slot: Slot, cancel: threading.Event) -> Probed:
        """Fail."""
        raise RuntimeError("no memory for a probe")


def until_told(cancel: threading.Event) -> None:
    """Train until it is told to end."""
    began = time.monotonic()
    while not cancel.is_set():
        assert time.monotonic() - began < SECONDS, "nobody told it to end"
        time.sleep(0.005)


def run(number: int, checks: tuple[str, ...] = ()) -> Assignment:
    attempt = Attempt(number=number, commit=f"{number}", parent="p", proposal=proposal())
    order = Order(commit=attempt.commit, seed=0, checks=checks)
    return Assignment(attempt, order, SLOTS[number], 1, None)


@pytest.fixture
def cancel() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def started(bench: Measuring, cancel: threading.Event, *runs: Assignment) -> Workers:
    """Return workers that have begun with these runs; leaving them is up to the test."""
    fleet = Fleet()
    workers = Workers(bench, cancel, fleet)
    workers.__enter__()
    for each in runs:
        taken = fleet.take("m")
        assert taken == each.slot
        workers.train(each)
    return workers


def received(workers: Workers) -> Message:
    message = workers.receive(SECONDS)
    assert message is not None
    return message


def test_one_run_is_ended_alone_and_all_of_them_with_the_session(cancel: threading.Event) -> None:
    bench = Measuring(until_told)
    workers = started(bench, cancel, run(0), run(1), run(2))
    workers.end(1)
    first = received(workers)
    assert isinstance(first, Trained) and (first.run.attempt.number, first.result) == (1, None)
    assert workers.receive(0.05) is None, "the others go on"
    cancel.set()
    others = {message.run.attempt.number for message in (received(workers), received(workers))}  # type: ignore[union-attr]
    assert others == {0, 2}
    workers.__exit__()
    assert not bench.is_open


def test_leaving_ends_what_trains_and_waits_for_it(cancel: threading.Event) -> None:
    bench = Measuring(until_told)
    workers = started(bench, cancel, run(0))
    workers.__exit__()
    assert cancel.is_set() and not bench.is_open
    assert isinstance(received(workers), Trained)


@pytest.mark.parametrize(
    ("raised", "message", "left"),
    [
        (PlaceLost("the node died"), Lost, []),
        (MemoryError("of the harness"), TrainingFailed, [0, 1, 2]),
        (KeyboardInterrupt(), TrainingFailed, [0, 1, 2]),
    ],
)
def test_a_lost_place_is_told_from_a_fault_of_the_harness(
    cancel: threading.Event, raised: BaseException, message: type, left: list[int]
) -> None:
    def fail(_: threading.Event) -> None:
        raise raised

    workers = started(Measuring(fail), cancel, run(0), run(1))
    for _ in range(2):
        assert isinstance(received(workers), message)
    fleet = workers._fleet
    assert not fleet.running
    assert sorted(slot.number for slot in fleet.free) == left
    workers.__exit__()


def test_checks_are_run_in_place_of_a_training(cancel: threading.Event) -> None:
    workers = started(Measuring(lambda _: CRASH), cancel, run(0, checks=("true",)), run(1))
    results = {m.run.attempt.number: m.result for m in (received(workers), received(workers))}  # type: ignore[union-attr]
    assert results == {0: Checks(checks=()), 1: CRASH}
    workers.__exit__()


def test_a_probe_that_fails_is_answered_and_frees_its_slot(cancel: threading.Event) -> None:
    workers = started(Measuring(lambda _: CRASH), cancel)
    slot = workers._fleet.take("m")
    assert slot is not None
    probing = Probing(cancel, first_seed=0)
    waiting = Waiting(SOURCES, 1.0, Future())
    workers.probe(waiting, probing.probe_of(waiting, "c", SOURCES), slot)
    assert workers.is_probing
    assert received(workers) == ProbeEnded(slot)
    assert waiting.answer.result(SECONDS) == NotProbed("no memory for a probe")
    assert not workers.is_probing and slot in workers._fleet.free
    workers.__exit__()
