"""The timeline of slots, and the labels of charts: what fits where."""

import itertools
from dataclasses import replace
from datetime import datetime

import pytest

from agent.dashboard.labels import Box, Label, placed, shortened, squeezed, width_of
from agent.dashboard.slots import Slots
from agent.dashboard.view import View
from tests.agent.dashboard.nights import LONG, night, wordy


def timed(*spans: tuple[int, int]) -> View:
    """Return a night whose trials had their slot from and to these seconds."""
    view = night(2 * len(spans), seed=3)
    trained = [trial for trial in view.trials if trial.result][: len(spans)]
    trials = []
    begun = {}
    for trial, (begin, end) in zip(trained, spans, strict=True):
        at = datetime.fromisoformat("2026-11-24T01:00:00+00:00").timestamp()
        begun[trial.attempt] = int(at) + begin
        when = datetime.fromtimestamp(at + end).astimezone().isoformat()
        trials.append(trial.model_copy(update={"at": when}))
    return replace(view, trials=tuple(trials), begun=begun)


def test_trials_that_overlap_have_lanes_of_their_own_and_gaps_are_idle() -> None:
    slots = Slots(timed((0, 300), (0, 320), (300, 640), (420, 640)))
    assert [bar.lane for bar in slots.bars] == [0, 1, 0, 1]
    assert slots.lanes == 2
    assert slots.seconds == 640
    assert slots.idle == pytest.approx(100 / 1280)
    first, second, third, last = slots.bars
    assert first.x == second.x == slots.frame.left
    assert third.x == pytest.approx(first.x + first.width, abs=0.2)
    assert last.x > second.x + second.width
    assert last.x + last.width == pytest.approx(slots.frame.right, abs=0.2)


def test_a_pause_of_the_whole_run_is_cut_out_and_said() -> None:
    slots = Slots(timed((0, 310), (310, 620), (36_620, 36_940)))
    assert [(cut.text, cut.named) for cut in slots.cuts] == [("10 h", True)]
    assert slots.seconds == 620 + 320
    assert slots.idle == 0
    before, after = slots.bars[1], slots.bars[2]
    assert 20 < after.x - before.x - before.width < 60


def test_the_lengths_of_many_pauses_touch_each_other_nowhere() -> None:
    slots = Slots(timed(*((at, at + 310) for at in range(0, 30 * 7_000, 7_000))))
    assert len(slots.cuts) == 29 and {cut.text for cut in slots.cuts} == {"112 min"}
    named = [cut for cut in slots.cuts if cut.named]
    assert len(named) > 10
    for before, after in itertools.pairwise(named):
        assert after.x - before.x > width_of("112 min")


def test_a_trial_that_was_interrupted_is_drawn_with_its_training_only() -> None:
    slots = Slots(timed((0, 310), (310, 50_000)))
    assert slots.resumed == 1
    last = slots.spans[-1]
    assert last.resumed
    assert last.end - last.begin == pytest.approx(last.trained)


def test_what_trains_now_is_in_a_lane_and_what_nobody_trains_is_not() -> None:
    view = wordy(20)
    flying = [bar for bar in Slots(view).bars if bar.span.trial is None]
    assert [bar.span.number for bar in flying] == [20]
    assert all(bar.span.trial for bar in Slots(replace(view, pid=None)).bars)


@pytest.mark.parametrize("seconds", [-5, 0, 10**12, 2**70])
def test_a_forged_time_breaks_no_page(seconds: int) -> None:
    view = timed((0, 300), (300, 620))
    forged = replace(view, begun={**view.begun, view.trials[1].attempt: seconds})
    slots = Slots(forged)
    assert all(slots.frame.left <= bar.x <= slots.frame.right for bar in slots.bars)
    assert len(slots.ticks) < 50


def test_without_times_there_is_a_sentence() -> None:
    assert Slots(night(5)).empty


def test_times_of_day_touch_neither_each_other_nor_the_edge() -> None:
    for length in (1, 3, 40, 200):
        slots = Slots(wordy(length))
        boxes = [label.box for label in slots.ticks]
        assert all(box.left >= 0 and box.right <= slots.frame.width for box in boxes)
        assert not any(one.touches(other) for one, other in itertools.combinations(boxes, 2))


def test_a_name_that_is_too_long_keeps_what_tells_it_from_others() -> None:
    assert squeezed("MLP_RATIO", 200) == "MLP_RATIO"
    assert squeezed("Config.schedule.warmdown_ratio", 130) == "…warmdown_ratio"
    for name, width in itertools.product(LONG, (40, 80, 140)):
        assert width_of(squeezed(name, width)) <= width
        assert width_of(shortened(name, width)) <= width
    assert shortened("a claim of many words", 60) == "a claim…"


def test_a_label_without_room_is_left_out() -> None:
    here = [Label(10, 20, "first"), Label(10, 60, "first")]
    there = [Label(12, 22, "second"), Label(12, 58, "second")]
    inside = Box(0, 0, 200, 100)
    assert placed([here, there], inside) == [here[0], there[1]]
    assert placed([here, there[:1]], inside) == [here[0]]
    assert placed([[Label(190, 20, "too long for here")]], inside) == []
