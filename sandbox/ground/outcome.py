"""What is asked of a sandbox (RunSpec), what comes back (the Outcome union), and the Runner protocol between them."""

import threading
from collections.abc import Callable
from typing import Annotated, BinaryIO, Literal, Protocol

from pydantic import Field

from sandbox.ground.devices import Device
from sandbox.ground.record import Record

MIB = 1 << 20
GIB = 1 << 30


class Limits(Record):
    """What one run may use; whatever passes a limit is killed with its whole process tree. vram_bytes: on its GPUs together."""

    wall_seconds: float = Field(gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    vram_bytes: int | None = Field(default=None, gt=0)
    disk_bytes: int = Field(default=2 * GIB, gt=0)
    output_bytes: int = Field(default=256 * MIB, gt=0)
    processes: int = Field(default=512, gt=0)


class RunSpec(Record):
    """One command to isolate. Paths are absolute and the same inside and outside the sandbox.

    folder: working directory, read-only inside. scratch: the only writable place besides a private /tmp and /dev/shm;
    HOME and every cache live there. read_only: further files and folders that the command may read. log: where the
    harness (not the command) writes stdout and stderr as they come; outside scratch. cpus: the cores this run may use, by
    index; none given means all. gpus: the accelerators; none given means none.

    network: the run may use the network, services on this machine's loopback among it; only for what a user consented to,
    never for a training. hidden: absolute paths whose contents the run must not see, although a folder above them is shown;
    a path of folder, scratch or read_only that lies deeper inside one stays visible.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    folder: str
    scratch: str
    log: str
    limits: Limits
    read_only: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()
    network: bool = False
    hidden: tuple[str, ...] = ()


class Usage(Record):
    """What the run used, on the harness's own clock. peak_memory_bytes is of the whole process tree."""

    seconds: float = Field(ge=0)
    peak_memory_bytes: int | None = None
    output_bytes: int = 0


class Finished(Record):
    """Exited with status 0."""

    kind: Literal["finished"] = "finished"
    usage: Usage


class Crashed(Record):
    """Exited with another status, or died of a signal of its own doing."""

    kind: Literal["crashed"] = "crashed"
    usage: Usage
    exit_code: int | None = None
    signal: int | None = None


class OutOfMemory(Record):
    """Killed at the memory limit, or ended by an allocator that said so; evidence names which."""

    kind: Literal["out-of-memory"] = "out-of-memory"
    usage: Usage
    evidence: str


class TimedOut(Record):
    """Killed at the wall-clock limit."""

    kind: Literal["timed-out"] = "timed-out"
    usage: Usage


class LimitExceeded(Record):
    """Killed for what it wrote to disk or printed, or for using cores that are not its own."""

    kind: Literal["limit-exceeded"] = "limit-exceeded"
    usage: Usage
    limit: Literal["disk", "output", "cores"]


class Cancelled(Record):
    """Killed because the harness was told to stop; says nothing about the candidate."""

    kind: Literal["cancelled"] = "cancelled"
    usage: Usage


Outcome = Annotated[
    Finished | Crashed | OutOfMemory | TimedOut | LimitExceeded | Cancelled,
    Field(discriminator="kind"),
]

Audit = Literal["usual", "full"]
"""How much of a sealed score is audited (sandbox/score/scoring.py)."""

Dialogue = Callable[[BinaryIO, BinaryIO], None]
"""Talks to a running command: (its stdin, its stdout). Raises to end the conversation; the tree is then killed."""


class Runner(Protocol):
    """Runs a RunSpec to its end. When it returns, no process of the run is left and its results may be read.

    Every way a candidate can fail is an Outcome; SandboxFault is raised for the harness's own failures only.
    """

    @property
    def tier(self) -> str:
        """As in guarantees.py, or "none"."""
        ...

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        """Run with empty stdin; stdout and stderr go to spec.log."""
        ...

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
        """Run with pipes on stdin and stdout, held by dialogue(stdin, stdout) in this thread; stderr goes to spec.log.

        An exception that dialogue raises ends the run and is raised again once the tree is dead.
        """
        ...
