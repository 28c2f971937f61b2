"""The options of `start` and `resume` that are Slurm's, each checked before anything is made."""

import shlex
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from agent.cli.detach import Flag, words_of
from agent.errors import WrongOption
from agent.evaluate.slurm.request import Request, request_of
from agent.evaluate.where import SLURM, Where

Partition = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Partition of the allocation. Default: Slurm's."),
]
Account = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who is charged. Default: Slurm's."),
]
Qos = Annotated[
    str | None,
    typer.Option("--qos", metavar="NAME", help="Quality of service."),
]
Constraint = Annotated[
    str | None,
    typer.Option(metavar="FEATURES", help="Which nodes: a100, or a100&nvlink."),
]
Gpus = Annotated[
    str | None,
    typer.Option(
        metavar="[TYPE:]N",
        help="GPUs of the allocation, over all nodes; a trial trains on each.",
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(metavar="N", help="Cores of each trial. Default: Slurm's."),
]
Mem = Annotated[
    str | None,
    typer.Option(
        "--mem", metavar="SIZE", help="Main memory of each trial, as in 32G. Default: Slurm's."
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="When Slurm ends the allocation: 8:30:00. Default: --hours and half an hour.",
    ),
]
Driver = Annotated[
    Literal["outside", "inside"],
    typer.Option(
        help="outside: this process stays here, with your repository and keys. inside: it works in "
        "the batch job, where the nodes reach the model or need none.",
    ),
]


@dataclass(frozen=True)
class OnSlurm:
    """The options for Slurm."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    mem: str | None = None
    time: str | None = None
    driver: Literal["outside", "inside"] = "outside"

    def request(self, where: Where, hours: float | None, workers: int) -> Request:
        """Return the request to Slurm for a session. Raise UsageFault for an invalid option."""
        return request_of(
            hours=hours,
            time=self.time,
            partition=self.partition or where.address or None,
            account=self.account,
            qos=self.qos,
            constraint=self.constraint,
            gpus=self.gpus,
            cpus=self.cpus,
            memory=self.mem,
            workers=workers,
        )

    def check(self, where: Where, hours: float | None, workers: int) -> None:
        """Raise UsageFault for an invalid option, and for any option if the run is not on Slurm."""
        if where.engine == SLURM:
            self.request(where, hours, workers)
            return
        for name, value in vars(self).items():
            if value is not None and (name, value) != ("driver", "outside"):
                message = f"--{name} is for a run on Slurm, and --on slurm is not given"
                raise WrongOption(message, "--on", SLURM)

    def goes_inside(self, where: Where) -> bool:
        """Return whether the driver is to work in the batch job."""
        return where.engine == SLURM and self.driver == "inside"

    def doctor(self, where: Where) -> str:
        """Return the command that shows what the nodes of `where` lack."""
        if where.engine != SLURM:
            return f"autoresearch doctor --on {where}"
        where_to = words_of(
            partition=self.partition or where.address or None,
            account=self.account,
            qos=self.qos,
            constraint=self.constraint,
        )
        return shlex.join(["srun", *where_to, sys.executable, "-P", "-m", "autoresearch", "doctor"])

    @property
    def flags(self) -> dict[str, Flag]:
        """The options for the `resume` of another process, by name."""
        return {name: value for name, value in vars(self).items() if name != "driver"}
