"""Workers: each plays in a process of its own, and what ends one of them ends the bench with a reason, not silently."""

import multiprocessing
import os
import signal

import pytest

from agent.benchmark.results import Game, Line
from agent.benchmark.workers import Job, Over, Played, WorkerFault, play_all, shares
from agent.errors import Fault


def job(method: str = "random", seed: int = 1, trials: int = 5, model: str | None = None) -> Job:
    """A game from its beginning."""
    return Job(
        "valley", Game(task="valley", method=method, seed=seed).model_dump_json(), (), trials, model
    )


def test_games_are_played_at_once_and_each_comes_to_its_end() -> None:
    messages = list(play_all([job(seed=seed) for seed in range(3)], 2))
    lines = [
        Line.model_validate_json(message.line)
        for message in messages
        if isinstance(message, Played)
    ]
    for seed in range(3):
        assert [line.number for line in lines if line.game.seed == seed] == list(range(6))
    assert sum(isinstance(message, Over) for message in messages) == 3
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_two_workers_do_not_share_a_core() -> None:
    cpus = os.sched_getaffinity(0)
    playing = play_all([job(seed=seed, trials=100_000) for seed in range(2)], 2)
    started: set[int] = set()
    while len(started) < 2:
        message = next(playing)
        assert isinstance(message, Played)
        started.add(Line.model_validate_json(message.line).game.seed)
    one, two = (
        os.sched_getaffinity(process.pid or 0) for process in multiprocessing.active_children()
    )
    playing.close()
    assert one | two <= cpus
    assert len(one) == len(two) == max(len(cpus) // 2, 1), "neither trains with more than the other"
    assert len(cpus) == 1 or not one & two
    assert os.sched_getaffinity(0) == cpus, "the bench itself keeps its own"


def test_workers_have_equally_many_cores_and_share_them_all_where_they_are_too_many() -> None:
    assert shares((0, 1, 2, 5), 2) == ((0, 1), (2, 5))
    assert shares((0, 1, 2), 2) == ((0,), (1,))
    assert shares((3, 4), 1) == ((3, 4),)
    assert shares((3, 4), 3) == ((3, 4),) * 3


def test_a_worker_that_is_killed_is_noticed() -> None:
    playing = play_all([job(trials=100_000)], 1)
    next(playing)
    [worker] = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Fault, match=r"a worker died \(exit code -9\)"):
        list(playing)


def test_a_fault_in_a_worker_keeps_its_words_and_its_exit_code() -> None:
    with pytest.raises(WorkerFault, match="cannot read the script") as caught:
        list(play_all([job("llm-hps", model="scripted:/missing.jsonl")], 1))
    assert caught.value.exit_code == 5
    assert not multiprocessing.active_children()


def test_what_nobody_foresaw_is_told_with_its_traceback() -> None:
    broken = Job("valley", '{"task": "valley", "method": "nonsense", "seed": 1}', (), 5, None)
    with pytest.raises(WorkerFault, match=r"bench's fault(.|\n)*KeyError"):
        list(play_all([broken], 1))
