"""Workers: each is a process of its own, and what ends one ends the benchmark with a reason."""

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest

from agent.benchmark.results import Line, Run
from agent.benchmark.workers import Job, RunDone, TrialDone, WorkerFault, run_all, shares
from agent.errors import Fault


def job(method: str = "random", seed: int = 1, trials: int = 5, model: str | None = None) -> Job:
    """Return a run from its beginning."""
    run = Run(task="valley", method=method, seed=seed)
    return Job("valley", run.model_dump_json(), (), trials, model)


def test_runs_are_carried_out_at_once_and_each_is_completed() -> None:
    messages = list(run_all([job(seed=seed) for seed in range(3)], 2))
    lines = [
        Line.model_validate_json(message.line)
        for message in messages
        if isinstance(message, TrialDone)
    ]
    for seed in range(3):
        assert [line.number for line in lines if line.run.seed == seed] == list(range(6))
    assert sum(isinstance(message, RunDone) for message in messages) == 3
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_two_workers_do_not_share_a_core() -> None:
    cpus = os.sched_getaffinity(0)
    running = run_all([job(seed=seed, trials=100_000) for seed in range(2)], 2)
    started: set[int] = set()
    while len(started) < 2:
        message = next(running)
        assert isinstance(message, TrialDone)
        started.add(Line.model_validate_json(message.line).run.seed)
    children = multiprocessing.active_children()
    first, second = (os.sched_getaffinity(process.pid or 0) for process in children)
    running.close()
    assert first | second <= cpus
    assert len(first) == len(second) == max(len(cpus) // 2, 1)
    assert len(cpus) == 1 or not first & second
    assert os.sched_getaffinity(0) == cpus, "the benchmark itself keeps its own"


def test_workers_have_equally_many_cores_or_share_them_all() -> None:
    assert shares((0, 1, 2, 5), 2) == ((0, 1), (2, 5))
    assert shares((0, 1, 2), 2) == ((0,), (1,))
    assert shares((3, 4), 1) == ((3, 4),)
    assert shares((3, 4), 3) == ((3, 4),) * 3


def test_a_worker_that_is_killed_is_noticed() -> None:
    running = run_all([job(trials=100_000)], 1)
    next(running)
    [worker] = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Fault, match=r"a worker died \(exit code -9\)"):
        list(running)


def test_a_fault_in_a_worker_keeps_its_words_and_its_exit_code() -> None:
    with pytest.raises(WorkerFault, match="cannot read the script") as caught:
        list(run_all([job("llm-hps", model="scripted:/missing.jsonl")], 1))
    assert caught.value.exit_code == 5
    assert not multiprocessing.active_children()


def test_an_unexpected_error_in_a_worker_is_told_with_its_traceback() -> None:
    with pytest.raises(WorkerFault, match=r"an error of the benchmark(.|\n)*ValidationError"):
        list(run_all([replace(job(), run="{}")], 1))
