"""The request to a sandbox (RunSpec), its answer (Outcome), and the Runner protocol."""

import threading
from collections.abc import Callable
from typing import Annotated, BinaryIO, Literal, Protocol

from pydantic import Field

from sandbox.ground.devices import Device
from sandbox.ground.record import Record

MIB = 1 << 20
GIB = 1 << 30
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where a run finds programs, besides those of its interpreter."""
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
"""Folders of the machine that every run may read."""


class Limits(Record):
    """The limits of one run. A run over a limit is killed with its whole process tree."""

    wall_seconds: float = Field(gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    vram_bytes: int | None = Field(default=None, gt=0)
    """On all its GPUs together."""
    disk_bytes: int = Field(default=2 * GIB, gt=0)
    output_bytes: int = Field(default=256 * MIB, gt=0)
    processes: int = Field(default=512, gt=0)


class RunSpec(Record):
    """One command to isolate. Paths are absolute and the same inside and outside the sandbox."""

    argv: tuple[str, ...] = Field(min_length=1)
    folder: str
    """The working directory; it may be written where it lies in scratch, else only read."""
    scratch: str
    """The only writable place besides a private /tmp and /dev/shm; HOME and all caches are here.

    The quota holds for what a run adds to it.
    """
    log: str
    """Where the harness, not the command, writes stdout and stderr as they come; not in scratch."""
    limits: Limits
    read_only: tuple[str, ...] = ()
    """Further files and folders that the command may read."""
    environment: dict[str, str] = {}
    python: str | None = None
    """The interpreter that the command may start by its name, where that is not its first word."""
    cpus: tuple[int, ...] = ()
    """The cores that it may use, by index; none given means all."""
    gpus: tuple[Device, ...] = ()
    """The accelerators that it may use; none given means none."""
    network: bool = False
    """Whether it may use the network, including services on this machine's loopback.

    Only for what a user consented to, never for a training."""
    alone: bool = False
    """Whether it may reach nobody but whom it talks to on its standard streams.

    It makes no socket, and no file in the machine's /dev/shm. For a scorer, whose code has seen
    hidden data: another run could find there what it says."""
    hidden: tuple[str, ...] = ()
    """Absolute paths whose contents it must not see, although a folder above them is shown.

    A path of folder, scratch or read_only that lies deeper inside one stays visible."""

    @property
    def folder_is_writable(self) -> bool:
        """Whether the working directory is a part of scratch."""
        return self.folder == self.scratch or self.folder.startswith(f"{self.scratch}/")


class Usage(Record):
    """The resources that a run used."""

    seconds: float = Field(ge=0)
    """On the harness's clock."""
    peak_memory_bytes: int | None = None
    """Of the whole process tree."""
    output_bytes: int = 0


class Finished(Record):
    """Exited with status 0."""

    kind: Literal["finished"] = "finished"
    usage: Usage


class Crashed(Record):
    """Exited with another status, or died of a signal that the harness did not send."""

    kind: Literal["crashed"] = "crashed"
    usage: Usage
    exit_code: int | None = None
    signal: int | None = None


class OutOfMemory(Record):
    """Killed at the memory limit, or ended by an allocator that reported it."""

    kind: Literal["out-of-memory"] = "out-of-memory"
    usage: Usage
    evidence: str
    """Which of the two, in words."""


class TimedOut(Record):
    """Killed at the wall-clock limit."""

    kind: Literal["timed-out"] = "timed-out"
    usage: Usage


class LimitExceeded(Record):
    """Killed for writing or printing too much, or for using other cores than its own."""

    kind: Literal["limit-exceeded"] = "limit-exceeded"
    usage: Usage
    limit: Literal["disk", "output", "cores"]


class Cancelled(Record):
    """Killed because the harness was told to stop; no judgement on the candidate."""

    kind: Literal["cancelled"] = "cancelled"
    usage: Usage


Outcome = Annotated[
    Finished | Crashed | OutOfMemory | TimedOut | LimitExceeded | Cancelled,
    Field(discriminator="kind"),
]

Audit = Literal["usual", "full"]
"""How much of a sealed score is audited (sandbox/score/scoring.py)."""

Dialogue = Callable[[BinaryIO, BinaryIO], None]
"""Talks to a running command: (its stdin, its stdout). An exception ends it; the tree is killed."""


class Runner(Protocol):
    """Runs a RunSpec to its end. Afterwards no process of the run is left.

    Every failure of a candidate is an Outcome. SandboxFault is raised only for failures of the
    harness.
    """

    @property
    def tier(self) -> str:
        """The tier, as in sandbox/proof/guarantees.py, or "none"."""
        ...

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        """Run with empty stdin; stdout and stderr go to spec.log."""
        ...

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
        """Run with pipes on stdin and stdout, used by `dialogue` in this thread.

        stderr goes to spec.log. An exception of `dialogue` ends the run, and is raised again once
        the tree is dead.
        """
        ...
