"""Plays games in processes of their own; results come back trial by trial, so that a kill costs the trials in flight and no more.

A worker ends with its parent, however that ends, and keeps to its share of the cores: what it proposes with takes one, and what
is really trained for it gets them all.
"""

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

from agent.errors import Fault
from agent.evaluate.slots import share_out
from sandbox.walls.environment import available_cpus

# Read by the libraries when they are loaded, so it is set before any is.
ONE_CORE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE_SECONDS = 1.0
MODEL_DEADLINE_SECONDS = 30 * 60.0


@dataclass(frozen=True)
class Job:
    """A game to be played. task: the name by which it is opened. lines: what of it is known, as JSON. trials: its last number."""

    task: str
    game: str
    lines: tuple[str, ...]
    trials: int
    model: str | None


@dataclass(frozen=True)
class Played:
    """A trial of a game, as JSON."""

    line: str


@dataclass(frozen=True)
class Over:
    """A game came to its end."""

    game: str


@dataclass(frozen=True)
class Broken:
    """A worker failed: with a fault, or with a traceback that nobody foresaw."""

    message: str
    next_command: str | None
    exit_code: int


Message = Played | Over | Broken


class WorkerFault(Fault):
    """What a worker failed of, with the exit code that it had there."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.message, broken.next_command)
        self.exit_code = broken.exit_code


def play_all(jobs: Sequence[Job], workers: int) -> Iterator[Played | Over]:
    """The trials of all jobs as they end, and the ends of the games. WorkerFault or Fault where a worker cannot go on: what it
    played is known, and the same command goes on behind it."""
    # A worker is started by `python -c`, which would import a stranger's json.py out of the current folder.
    os.environ["PYTHONSAFEPATH"] = "1"
    context = get_context("spawn")
    waiting, messages = context.Queue(), context.Queue()
    for job in [*jobs, *[None] * workers]:
        waiting.put(job)
    processes = [
        context.Process(target=serve, args=(waiting, messages, cpus), daemon=True)
        for cpus in shares(available_cpus(), min(workers, len(jobs)))
    ]
    with _signals_held():
        for process in processes:
            process.start()
    try:
        yield from _collected(messages, processes, len(jobs))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for queue in (waiting, messages):
            queue.close()
            queue.cancel_join_thread()


def _collected(
    messages: "Queue[Message]", processes: Sequence[SpawnProcess], games: int
) -> Iterator[Played | Over]:
    over = 0
    while over < games:
        try:
            message = messages.get(timeout=PATIENCE_SECONDS)
        except Empty:
            if gone := next(
                (process for process in processes if process.exitcode not in (None, 0)), None
            ):
                raise Fault(
                    f"a worker died (exit code {gone.exitcode})",
                    "the same command again goes on where it was",
                ) from None
            continue
        if isinstance(message, Broken):
            raise WorkerFault(message)
        over += isinstance(message, Over)
        yield message


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Processes that are started inside ignore Ctrl-C from their first instruction on: it is for their parent to end them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def shares(cpus: tuple[int, ...], workers: int) -> tuple[tuple[int, ...], ...]:
    """The cores of each worker; all of them where there are fewer cores than workers."""
    return share_out(cpus, workers) if workers <= len(cpus) else (cpus,) * workers


def serve(waiting: "Queue[Job | None]", messages: "Queue[Message]", cpus: tuple[int, ...]) -> None:
    """A worker: plays on these cores what is waiting until there is nothing left."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    for name in ONE_CORE:
        os.environ[name] = "1"
    threading.Thread(target=_follow_parent, daemon=True).start()
    while job := waiting.get():
        try:
            _serve(job, messages)
        except Fault as fault:
            messages.put(Broken(fault.message, fault.next_command, fault.exit_code))
            return
        except Exception:
            text = f"{job.task} failed in a worker, which is the bench's fault and not a method's:\n{traceback.format_exc()}"
            messages.put(
                Broken(text, "the same command again goes on where it was", Fault.exit_code)
            )
            return


def _serve(job: Job, messages: "Queue[Message]") -> None:
    from agent.benchmark.results import Game, Line
    from agent.benchmark.run import play
    from agent.benchmark.tasks import open_task

    model = _model(job.model)
    lines = [Line.model_validate_json(line) for line in job.lines]
    for line in play(
        open_task(job.task), Game.model_validate_json(job.game), lines, job.trials, model
    ):
        messages.put(Played(line.model_dump_json()))
    messages.put(Over(job.game))


def _model(name: str | None) -> Any:
    from agent.llm.resolve import open_model

    return open_model(name, os.environ, MODEL_DEADLINE_SECONDS, threading.Event()) if name else None


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
