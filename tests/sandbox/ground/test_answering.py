"""What a model does while it is scored is held to what the baseline's needs for it."""

import pytest

from sandbox.ground import answering
from sandbox.ground.answering import Answering, Stopwatch
from sandbox.ground.budget import Budget
from sandbox.ground.deadline import Deadline, Usual

USUAL = Answering(opening=1.0, later=2.0)


@pytest.mark.parametrize(
    ("opening", "later", "training", "reason"),
    [
        (1.0, 2.0, 20.0, ""),
        (5.0, 2.0, 20.0, ""),
        (5.1, 2.0, 20.0, "more than 5.0 s before its first answer, where the baseline's takes 1.0"),
        (17.9, 2.0, 300.0, ""),
        (18.1, 2.0, 300.0, "more than 18.0 s before its first answer"),
        (1.0, 21.9, 20.0, ""),
        (1.0, 22.1, 20.0, "more than 22.0 s for its later answers, where the baseline's takes 2.0"),
        (1.0, 34.9, 300.0, ""),
    ],
)
def test_what_takes_much_longer_than_the_baseline_counts_as_training(
    opening: float, later: float, training: float, reason: str
) -> None:
    excess = Answering(opening=opening, later=later).excess(USUAL, training)
    assert reason in excess
    assert bool(excess) == bool(reason)


def test_the_share_is_one_of_the_budget_or_of_the_baseline_s_time() -> None:
    slow = Answering(opening=10.0, later=2.0)
    usual = Usual(seconds=400.0, answering=USUAL)
    assert not Deadline(budget=Budget(amount=300), usual=usual).scored_too_long(slow)
    assert Deadline(budget=Budget(amount=100), usual=usual).scored_too_long(slow)
    steps = Budget(amount=100, unit="steps")
    assert not Deadline(budget=steps, usual=usual).scored_too_long(slow)
    unknown = Usual(seconds=400.0)
    assert not Deadline(budget=Budget(amount=100), usual=unknown).scored_too_long(slow)


def test_the_slowest_of_several_runs_counts_if_all_were_timed() -> None:
    other = Answering(opening=0.5, later=9.0)
    assert Answering.slowest((USUAL, other)) == Answering(opening=1.0, later=9.0)
    assert Answering.slowest((USUAL, None)) is None
    assert Answering.slowest(()) is None


def test_a_stopwatch_tells_the_first_answer_from_later_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter((0.0, 10.0, 15.0, 16.0, 18.0))
    monkeypatch.setattr(answering.time, "monotonic", lambda: next(moments))
    stopwatch = Stopwatch()
    stopwatch.start()
    for _ in range(3):
        stopwatch.lap()
    assert stopwatch.answering == Answering(opening=5.0, later=3.0)


def test_a_single_answer_counts_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((0.0, 10.0, 15.0))
    monkeypatch.setattr(answering.time, "monotonic", lambda: next(moments))
    stopwatch = Stopwatch()
    stopwatch.start()
    stopwatch.lap()
    assert stopwatch.answering == Answering(opening=5.0, later=0.0)
