"""Carries out runs in processes of their own; results come back trial by trial.

A kill therefore costs only the trials in flight. A worker ends with its parent, however that ends,
and keeps to its share of the cores: proposing takes one core, and real training gets all of them.
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

from agent.errors import Fault
from agent.evaluate.slots import share_out
from agent.llm.model import Model
from sandbox.walls.environment import available_cpus

# The libraries read these when they are loaded, so they are set before.
SAFE_PATH = "PYTHONSAFEPATH"
ONE_CORE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE_SECONDS = 1.0
MODEL_DEADLINE_SECONDS = 30 * 60.0
RESUME = "repeat the command: it resumes where it stopped"


@dataclass(frozen=True)
class Job:
    """A run to be carried out."""

    task: str
    """The name that opens it."""
    run: str
    """As JSON."""
    done: tuple[str, ...]
    """The lines that there are already, as JSON."""
    trials: int
    """Number of the last trial."""
    model: str | None


@dataclass(frozen=True)
class TrialDone:
    """A trial, as JSON."""

    line: str


@dataclass(frozen=True)
class RunDone:
    """A run that is complete, as JSON."""

    run: str


@dataclass(frozen=True)
class WorkerFailed:
    """A worker's fault, or the traceback of an error that nobody foresaw."""

    message: str
    next_command: str | None
    exit_code: int


Message = TrialDone | RunDone | WorkerFailed


class WorkerFault(Fault):
    """A worker's fault, with the exit code that it had there."""

    def __init__(self, failure: WorkerFailed) -> None:
        super().__init__(failure.message, failure.next_command)
        self.exit_code = failure.exit_code


@contextlib.contextmanager
def _current_folder_hidden() -> Iterator[None]:
    """Start each Python of the block without the current folder on its path.

    Workers are started by `python -c`, which would import a json.py that lies there.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def run_all(jobs: Sequence[Job], workers: int) -> Iterator[TrialDone | RunDone]:
    """Yield the trials of all jobs as they are done, and the complete runs.

    Raise WorkerFault or Fault if a worker fails; the trials so far are kept.
    """
    context = get_context("spawn")
    with _interrupts_ignored(), _current_folder_hidden():
        # The first queue starts a Python, too: the one that tracks semaphores.
        waiting = context.Queue()
        messages = context.Queue()
        processes = [
            context.Process(target=serve, args=(waiting, messages, cpus), daemon=True)
            for cpus in shares(available_cpus(), min(workers, len(jobs)))
        ]
        for process in processes:
            process.start()
    for job in [*jobs, *[None] * workers]:
        waiting.put(job)
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
    messages: "Queue[Message]", processes: Sequence[SpawnProcess], runs: int
) -> Iterator[TrialDone | RunDone]:
    while runs:
        try:
            message = messages.get(timeout=PATIENCE_SECONDS)
        except Empty:
            _check_alive(processes)
            continue
        if isinstance(message, WorkerFailed):
            raise WorkerFault(message)
        if isinstance(message, RunDone):
            runs -= 1
        yield message


def _check_alive(processes: Sequence[SpawnProcess]) -> None:
    for process in processes:
        if process.exitcode not in (None, 0):
            raise Fault(f"a worker died (exit code {process.exitcode})", RESUME)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that start inside ignore Ctrl-C from their first instruction.

    Their parent ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def shares(cpus: tuple[int, ...], workers: int) -> tuple[tuple[int, ...], ...]:
    """Return the cores of each worker; all of them if there are fewer cores than workers."""
    return share_out(cpus, workers) if workers <= len(cpus) else (cpus,) * workers


def serve(waiting: "Queue[Job | None]", messages: "Queue[Message]", cpus: tuple[int, ...]) -> None:
    """Be a worker: carry out waiting jobs on these cores until there are none left."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    for name in ONE_CORE:
        os.environ[name] = "1"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while job := waiting.get():
        try:
            _carry_out(job, messages)
        except Fault as fault:
            messages.put(WorkerFailed(fault.message, fault.next_command, fault.exit_code))
            return
        except Exception:
            text = f"{job.task} failed in a worker: an error of the benchmark, not of a method"
            text = f"{text}\n{traceback.format_exc()}"
            messages.put(WorkerFailed(text, RESUME, Fault.exit_code))
            return


def _carry_out(job: Job, messages: "Queue[Message]") -> None:
    # Imported after ONE_CORE is set.
    from agent.benchmark.results import Line, Run
    from agent.benchmark.run import run_trials
    from agent.benchmark.tasks import open_task

    model = _model(job.model) if job.model else None
    run = Run.model_validate_json(job.run)
    done = [Line.model_validate_json(line) for line in job.done]
    for line in run_trials(open_task(job.task), run, done, job.trials, model):
        messages.put(TrialDone(line.model_dump_json()))
    messages.put(RunDone(job.run))


def _model(name: str) -> Model:
    from agent.llm.resolve import open_model

    return open_model(name, os.environ, MODEL_DEADLINE_SECONDS, threading.Event())


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
