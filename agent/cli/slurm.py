"""`--on slurm`: options, the wait in the queue, and a driver that stays here or goes inside."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from agent.cli.detach import tell_ready
from agent.cli.run_log import RunLog
from agent.display.format import formatter_for, open_console
from agent.display.waiting import waiting
from agent.errors import Fault, UsageFault
from agent.evaluate.slurm.allocation import (
    Allocation,
    allocated,
    allocated_here,
    is_inside,
    read_allocation,
    submit_with_driver,
)
from agent.evaluate.slurm.commands import Job, cancel, look
from agent.evaluate.slurm.request import Request, request_of
from agent.git.home import run_folder
from agent.project.find import Project

PANEL = "With --on slurm"
QUEUE = "the partition's other jobs come first; `squeue --me --start` has Slurm's own estimate"

Partition = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Slurm's partition. Default: Slurm's.", rich_help_panel=PANEL
    ),
]
Account = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who is charged. Default: Slurm's.", rich_help_panel=PANEL),
]
Qos = Annotated[
    str | None,
    typer.Option("--qos", metavar="NAME", help="Quality of service.", rich_help_panel=PANEL),
]
Constraint = Annotated[
    str | None,
    typer.Option(
        metavar="FEATURES", help="Which nodes: a100, or a100&nvlink.", rich_help_panel=PANEL
    ),
]
Gpus = Annotated[
    str | None,
    typer.Option(
        metavar="[TYPE:]N",
        help="GPUs of the allocation, over all nodes; a trial trains on each.",
        rich_help_panel=PANEL,
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(metavar="N", help="Cores of each trial. Default: Slurm's.", rich_help_panel=PANEL),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="When Slurm ends the allocation: 8:30:00. Default: --hours and half an hour.",
        rich_help_panel=PANEL,
    ),
]
Driver = Annotated[
    Literal["outside", "inside"],
    typer.Option(
        help="outside: this process stays here, with your repository and keys. inside: it works in "
        "the batch job, where the nodes reach the model or need none.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Typed:
    """What was typed for Slurm."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    time: str | None = None
    driver: Literal["outside", "inside"] = "outside"

    def request(self, hours: float | None, workers: int) -> Request:
        """Return what is asked of Slurm for a session. Raise UsageFault for a bad word."""
        return request_of(
            hours=hours,
            time=self.time,
            partition=self.partition,
            account=self.account,
            qos=self.qos,
            constraint=self.constraint,
            gpus=self.gpus,
            cpus=self.cpus,
            workers=workers,
        )

    def refuse(self) -> None:
        """Raise UsageFault if any of it was typed, for a run that is not on Slurm."""
        for name, value in vars(self).items():
            if value is not None and (name, value) != ("driver", "outside"):
                raise UsageFault(
                    f"--{name} is for a run on Slurm, and --on slurm is not given",
                    f"autoresearch start --on slurm --{name} {value}",
                )


def record_path(project: Project, tag: str) -> Path:
    """Return the file that tells of the run's allocation."""
    return run_folder(Path(project.root), tag) / "allocation.json"


@contextmanager
def cluster_on_slurm(request: Request, project: Project, log: RunLog) -> Iterator[str]:
    """Yield the address of a Ray cluster in an allocation, which ends with the block.

    In the allocation's own batch job, it is that one's cluster. The wait in the queue is said on
    the terminal and in the log, and ends with Ctrl-C or SIGTERM.
    """
    record = record_path(project, log.tag)
    known = read_allocation(record)
    cancelled = threading.Event()
    last: list[str] = []
    with ExitStack() as stack:
        with _heeding(cancelled), waiting("Slurm", QUEUE) as wait:

            def tell(text: str) -> None:
                tell_ready()
                wait.because(text)
                if last != [text]:
                    log.line(text)
                    last[:] = [text]

            if known is not None and is_inside(known):
                cluster = allocated_here(known, cancelled, tell)
            else:
                cluster = allocated(request, log.tag, record, cancelled, tell)
            head = stack.enter_context(cluster)
        yield head.client


def send_inside(
    request: Request, project: Project, log: RunLog, words: Sequence[str], as_json: bool
) -> None:
    """Submit a job in which a driver resumes the run, and print how to follow it."""
    command = (sys.executable, "-P", "-m", "autoresearch", "resume", "--on=slurm", *words, "--")
    record = record_path(project, log.tag)
    here = str(Path.cwd())
    job, folder = submit_with_driver(request, log.tag, record, here, (*command, log.tag))
    log.line(f"job {job} works on the run once it starts: {folder.batch}")
    lines = {
        "job     ": f"{job}, submitted with {folder.batch}",
        "output  ": str(folder.log),
        "watch   ": f"autoresearch status --watch {log.tag}",
        "stop    ": f"autoresearch stop {log.tag}",
    }
    console = open_console(stderr=as_json)
    formatter = formatter_for(console)
    for label, text in lines.items():
        console.print(label + formatter.line(text), soft_wrap=True)


def job_of(project: Project, tag: str) -> tuple[Allocation, Job] | None:
    """Return the allocation of a run and its job, while Slurm knows of one that waits or works."""
    allocation = read_allocation(record_path(project, tag))
    if allocation is None:
        return None
    with suppress(Fault):
        job = look(allocation.job)
        if job.waits or job.works:
            return allocation, job
    return None


def signal_inside(allocation: Allocation, now: bool) -> None:
    """Tell the driver in a batch job to finish the trials in training, or to stop at once."""
    cancel(allocation.job, "TERM" if now else "USR1")


@contextmanager
def _heeding(cancelled: threading.Event) -> Iterator[None]:
    """Let SIGTERM end the wait of a block."""
    before = signal.signal(signal.SIGTERM, lambda *_: cancelled.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
