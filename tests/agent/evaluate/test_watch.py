"""The watch over a training: prunes it by its curve so far, and only while it trains."""

import threading
import time
from pathlib import Path

import pytest

from agent.evaluate.slots import Slot
from agent.evaluate.watch import Watch
from agent.records.events import Event, Scoring

CURVES = tuple(tuple((at / 20, 2.0 + n / 10) for at in range(1, 21)) for n in range(5))


@pytest.mark.parametrize(
    ("until", "loss", "pruned"),
    [
        (0.5, 9.0, True),
        (0.3, 9.0, False),  # before the first checkpoint
        (0.95, 9.0, False),  # too late to save anything
        (0.5, 2.1, False),
    ],
)
def test_a_training_is_pruned_by_its_curve_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: float, loss: float, pruned: bool
) -> None:
    monkeypatch.setattr("agent.evaluate.watch.POLL_SECONDS", 0.01)
    log = tmp_path / "train.log"
    lines = [
        f"step 00001 ({5 * at}.0%) | loss: {loss} |\n" for at in range(1, round(until * 20) + 1)
    ]
    log.write_text("".join(lines))
    told: list[Event] = []
    cancel = threading.Event()
    with Watch(7, Slot(number=0, cpus=()), log, CURVES, told.append, cancel) as watch:
        deadline = time.monotonic() + 30
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        assert watch.stop.wait(0.2) == pruned
        assert bool(watch.hopeless) == pruned
        assert not cancel.is_set(), "the others go on"
        cancel.set()
        assert watch.stop.wait(30), "who cancels everything ends this one, too"


def test_what_is_scored_is_pruned_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.evaluate.watch.POLL_SECONDS", 0.01)
    log = tmp_path / "train.log"
    told: list[Event] = []
    with Watch(7, Slot(number=2, cpus=()), log, CURVES, told.append, threading.Event()) as watch:
        watch.trained()
        log.write_text("".join(f"step 1 ({5 * at}.0%) | loss: 9.0 |\n" for at in range(1, 11)))
        assert not watch.stop.wait(0.2)
    assert told[0] == Scoring(7, 2)
    with Watch(7, Slot(number=2, cpus=()), log, (), told.append, cancel := threading.Event()) as w:
        assert w.stop is cancel, "without rivals nothing is pruned"


def test_a_training_that_ends_while_it_is_judged_is_not_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a score that is being taken would be lost."""
    log = tmp_path / "train.log"
    log.touch()
    slot = Slot(number=0, cpus=())
    watches: list[Watch] = []
    for ends in (True, False):

        def judged(*_: object, ends: bool = ends) -> str:
            if ends:
                watches[-1].trained()
            return "hopeless"

        monkeypatch.setattr("agent.evaluate.watch.hopeless", judged)
        with Watch(7, slot, log, CURVES, lambda _: None, threading.Event()) as watch:
            watches.append(watch)
            watch._prune(0.5)
            assert (watch.stop.is_set(), bool(watch.hopeless)) == (not ends, not ends)
