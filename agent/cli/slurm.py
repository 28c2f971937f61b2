"""`--on slurm`: the wait in the queue, and a driver here or inside the job."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.cli.detach import tell_ready
from agent.cli.run_log import RunLog
from agent.cli.say import say
from agent.cli.signals import handling
from agent.cli.slurm_options import OnSlurm
from agent.display.waiting import waiting
from agent.errors import Fault, PlaceLost, RunBusy
from agent.evaluate.slurm.allocation import (
    allocated,
    allocated_here,
    is_inside,
    read_allocation,
    submit_with_driver,
)
from agent.evaluate.slurm.commands import Job, cancel, look
from agent.evaluate.slurm.request import Request
from agent.evaluate.where import RAY, SLURM, Where
from agent.git.home import run_folder
from agent.project.find import Project
from agent.project.resolve import SessionOptions

RESUME = "autoresearch resume"
DOCTOR = "autoresearch doctor"
QUEUE = "the partition's other jobs come first; `squeue --me --start` has Slurm's own estimate"


@dataclass(frozen=True)
class GoingOn:
    """What a session leaves behind for the next one."""

    log: RunLog
    resume: str
    """The command that goes on in the same way."""


def record_path(project: Project, tag: str) -> Path:
    """Return the file that records the run's allocation."""
    return run_folder(Path(project.root), tag) / "allocation.json"


@contextmanager
def place_of_trials(
    where: Where, slurm: OnSlurm, options: SessionOptions, project: Project, going_on: GoingOn
) -> Iterator[Where]:
    """Yield where trials run: for Slurm, the Ray cluster of an allocation, which ends afterwards.

    A run that has lost every place, or finds none, says where in the command to type next.
    """
    try:
        if where.engine != SLURM:
            yield where
            return
        request = slurm.request(where, options.hours.value, options.workers.value)
        with cluster_on_slurm(request, project, going_on) as address:
            yield Where(RAY, address)
    except PlaceLost as lost:
        if lost.next_command == RESUME and not where.is_local:
            raise PlaceLost(lost.message, going_on.resume) from None
        if lost.next_command == DOCTOR and not where.is_local:
            raise PlaceLost(lost.message, slurm.doctor(where)) from None
        raise


@contextmanager
def cluster_on_slurm(request: Request, project: Project, going_on: GoingOn) -> Iterator[str]:
    """Yield the address of a Ray cluster in an allocation, which ends with the block.

    Inside an allocation's batch job, it is the cluster of that allocation. The wait in the queue is
    shown on the terminal and in the log, and ends with Ctrl-C or SIGTERM.
    """
    log = going_on.log
    record = record_path(project, log.tag)
    allocation = read_allocation(record)
    cancelled = threading.Event()
    last: list[str] = []
    with ExitStack() as stack:
        with (
            _hint_if_interrupted(going_on),
            handling({signal.SIGTERM: lambda *_: cancelled.set()}),
            waiting("Slurm", QUEUE) as wait,
        ):

            def tell(text: str) -> None:
                tell_ready()
                wait.because(text)
                if last != [text]:
                    log.line(text)
                    last[:] = [text]

            if allocation is not None and is_inside(allocation):
                cluster = allocated_here(allocation, record, cancelled, tell)
            else:
                cluster = allocated(request, log.tag, record, cancelled, tell)
            head = stack.enter_context(cluster)
        yield head.client


def send_inside(
    request: Request, project: Project, log: RunLog, words: Sequence[str], as_json: bool
) -> None:
    """Submit a job in which a driver resumes the run, and print how to follow it."""
    record = record_path(project, log.tag)
    job, folder = submit_with_driver(request, log.tag, record, driver_command(log.tag, words))
    log.line(f"job {job} works on the run once it starts: {folder.batch}")
    lines = {
        "job     ": f"{job}, submitted with {folder.batch}",
        "output  ": str(folder.log),
        "watch   ": f"autoresearch status --watch {log.tag}",
        "stop    ": f"autoresearch stop {log.tag}",
    }
    for label, text in lines.items():
        say(text, label, stderr=as_json)


def driver_command(tag: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the working folder of a driver in the batch job, and its command."""
    resume = (sys.executable, "-P", "-m", "autoresearch", "resume", *words)
    return (str(Path.cwd()), *resume, "--", tag)


def job_of(project: Project, tag: str) -> Job | None:
    """Return the job of a run that waits or runs; None if there is none."""
    allocation = read_allocation(record_path(project, tag))
    if allocation is None:
        return None
    with suppress(Fault):
        job = look(allocation.job)
        if job.waits or job.works:
            return job
    return None


def driver_inside(project: Project, tag: str) -> Job | None:
    """Return the job with the run's driver inside; None if there is none."""
    allocation = read_allocation(record_path(project, tag))
    if allocation is None or not allocation.is_ours or allocation.driver != "inside":
        return None
    return job_of(project, tag)


def refuse_second_driver(project: Project, tag: str) -> None:
    """Raise RunBusy where a driver in a batch job works on the run, or will, and is not this one.

    Its lock may be on a file system that shows no lock of another machine.
    """
    if is_inside(read_allocation(record_path(project, tag))):
        return
    job = driver_inside(project, tag)
    if job is not None:
        message = f"{job.text}; the driver of {tag} is in it"
        raise RunBusy(message, f"autoresearch stop {tag}")


def end_inside(job: Job, now: bool) -> None:
    """Tell the driver in a batch job to finish the trials in training, or to stop at once."""
    if job.waits:
        cancel(job.number)
    else:
        cancel(job.number, "TERM" if now else "USR1")


@contextmanager
def _hint_if_interrupted(going_on: GoingOn) -> Iterator[None]:
    """Print how to go on if the wait in the block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        line = f"the job is cancelled; `{going_on.resume}` asks for another"
        say(line, stderr=True)
        going_on.log.line(line)
        raise
