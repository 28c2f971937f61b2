"""Where a probe gets a slot: a free one, and where time counts one beside which nothing runs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from agent.edit.files import Sources
from agent.evaluate.probe import Probed
from agent.records.slots import Slot
from agent.run.fleet import Fleet
from agent.run.probe_slot import ProbeSlot
from agent.run.probing import FIRST_SEED, NotProbed, Probing
from agent.run.research import Research
from sandbox.ground.budget import Budget

TIP = Sources({"train.py": "LR = 1\n", "old.py": "", "same.py": "A = 1\n"}, "train.py")
WANTED = Sources({"train.py": "LR = 2\n", "same.py": "A = 1\n"}, "train.py")


class Workers:
    """Answers a probe at once, and keeps its slot."""

    is_probing = False

    def __init__(self) -> None:
        self.begun: list[Any] = []

    def probe(self, waiting: Any, wanted: Any, slot: Slot) -> None:
        self.begun.append((wanted, slot))
        self.is_probing = True
        waiting.answer.set_result(Probed(ended="well", seconds=1.0))


def desk(unit: str, running: int = 0) -> tuple[ProbeSlot, Probing, Workers]:
    fleet = Fleet()
    fleet.join([Slot(number=0, cpus=(0,))])
    fleet.running = dict.fromkeys(range(7, 7 + running), None)  # type: ignore[assignment]
    run = SimpleNamespace(budget=Budget(amount=9, unit=unit))
    history = SimpleNamespace(run=run, tip="c1", sources=TIP)
    ledger = SimpleNamespace(fleet=fleet, history=history, needs_baseline=False)
    probing = Probing(threading.Event(), first_seed=5, probed=2)
    workers = Workers()
    slot = ProbeSlot(Research(probing=probing), workers, ledger)  # type: ignore[arg-type]
    return slot, probing, workers


def asked(slot: ProbeSlot, probing: Probing, held: bool = False) -> Probed | NotProbed:
    """Ask from another thread, and let the loop look until the answer is there."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(probing.ask, WANTED, 9.0, 0.5)
        while not answer.done():
            slot.start(held)
        return answer.result()


def test_a_probe_has_what_it_changes_and_a_seed_that_no_trial_has() -> None:
    slot, probing, workers = desk("s")
    assert asked(slot, probing) == Probed(ended="well", seconds=1.0)
    [(wanted, taken)] = workers.begun
    assert taken.number == 0 and wanted.commit == "c1"
    assert wanted.texts == {"train.py": "LR = 2\n"} and wanted.removed == ("old.py",)
    assert wanted.seed == 5 + FIRST_SEED + 3
    assert slot.bars, "nothing timed starts beside it"


@pytest.mark.parametrize(("unit", "runs"), [("s", False), ("steps", True)])
def test_beside_a_training_it_runs_only_where_time_does_not_count(unit: str, runs: bool) -> None:
    slot, probing, workers = desk(unit, running=1)
    answer = asked(slot, probing)
    assert isinstance(answer, Probed) == runs == bool(workers.begun)
    if not runs:
        assert isinstance(answer, NotProbed) and "no slot was free" in answer.why
    assert not (slot.bars and unit == "steps")


def test_other_machines_run_no_probe_and_say_so_at_once() -> None:
    slot, probing, workers = desk("steps")
    fleet = slot._ledger.fleet
    fleet.leave("")
    fleet.join([Slot(number=1, cpus=(0,), place="node7", machine="x")])
    answer = asked(slot, probing)
    assert isinstance(answer, NotProbed) and "other machines" in answer.why and not workers.begun


@pytest.mark.parametrize("held", [True, False])
def test_nothing_is_probed_in_a_pause_or_before_the_baseline(held: bool) -> None:
    slot, probing, workers = desk("s")
    slot._ledger = SimpleNamespace(**{**vars(slot._ledger), "needs_baseline": not held})  # type: ignore[assignment]
    assert isinstance(asked(slot, probing, held), NotProbed) and not workers.begun
    slot.look(ready=False)
    assert (slot.awaited() > 0.0) == held, "before the baseline no slot waits for a proposal"


def test_a_free_slot_waits_only_while_nothing_is_ready() -> None:
    slot, _, workers = desk("s")
    assert slot.awaited() == 0.0
    slot.look(ready=False)
    assert slot.awaited() > 0.0
    slot.look(ready=True)
    assert slot.awaited() == 0.0
    slot.look(ready=False)
    taken = slot._ledger.fleet.take_here()
    slot.look(ready=False)
    assert slot.awaited() == 0.0, "no slot is free"
    assert taken is not None
    slot._ledger.fleet.give_back(taken)
    workers.is_probing = True
    slot.look(ready=False)
    assert slot.awaited() == 0.0


def test_a_second_probe_is_refused_while_one_waits() -> None:
    probing = Probing(threading.Event(), first_seed=5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(probing.ask, WANTED, 9.0, 5.0)
        while not probing.waits:
            pass
        second = probing.ask(WANTED, 9.0, 0.0)
        assert isinstance(second, NotProbed) and "another one waits" in second.why
        waiting = probing.take()
        assert waiting is not None
        waiting.answer.set_result(Probed(ended="well", seconds=1.0))
        assert first.result() == Probed(ended="well", seconds=1.0), "the first one is not lost"


def test_a_probe_that_has_a_slot_by_now_is_waited_for_beyond_its_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("agent.run.probing.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("agent.run.probing.POLL_SECONDS", 0.01)
    probing = Probing(threading.Event(), first_seed=5)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(probing.ask, WANTED, 9.0, 1.0)
        while (waiting := probing.take()) is None:
            pass
        now[0] = 2.0
        time.sleep(0.05)
        waiting.answer.set_result(Probed(ended="well", seconds=1.0))
        assert isinstance(answer.result(), Probed)


def test_a_run_that_ends_withdraws_its_probe() -> None:
    cancel = threading.Event()
    probing = Probing(cancel, first_seed=5)
    cancel.set()
    assert probing.ask(WANTED, 9.0, 30.0) == NotProbed("the run ends")
    assert not probing.waits
