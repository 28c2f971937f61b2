"""The request to Slurm for one session. Each word is checked before it gets into a file."""

import math
import re
from typing import Literal

from agent.errors import WrongOption
from sandbox.ground.record import Record

MARGIN_MINUTES = 30
"""An allocation outlives the hours of a session by so much: the queue of trials drains in it."""
MAX_GPUS = 65_536
MAX_CPUS = 4_096
MAX_MINUTES = 60 * 24 * 366

Driver = Literal["outside", "inside"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")
_NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}(,[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}){0,9}")
_CONSTRAINT = re.compile(r"[A-Za-z0-9\[(][A-Za-z0-9_.:=&|*,()\[\]-]{0,199}")
_GPUS = re.compile(r"(?:([A-Za-z0-9][A-Za-z0-9_.-]{0,63}):)?([0-9]{1,6})")
_TIME = re.compile(r"(?:(\d{1,3})-)?(\d{1,5})(?::(\d{1,2}))?(?::(\d{1,2}))?")
_SIZE = re.compile(r"[0-9]{1,6}[KMGT]")


class Request(Record):
    """A request for one allocation, in Slurm's terms."""

    minutes: int
    """When Slurm ends it."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: int = 0
    """Over all nodes; each is a place for one trial. 0: cores are the places."""
    gpu_type: str | None = None
    workers: int = 1
    """Places without a GPU."""
    cpus: int | None = None
    """Cores of each place. Default: Slurm's."""
    memory: str | None = None
    """Of each place: 32G. Default: Slurm's."""

    @property
    def places(self) -> int:
        """The number of trials that train at once."""
        return self.gpus or self.workers


def request_of(
    *,
    hours: float | None,
    time: str | None = None,
    partition: str | None = None,
    account: str | None = None,
    qos: str | None = None,
    constraint: str | None = None,
    gpus: str | None = None,
    workers: int = 1,
    cpus: int | None = None,
    memory: str | None = None,
) -> Request:
    """Return the request for what was typed. Raise UsageFault if Slurm would not understand it.

    hours: the bound of the session, from which the time is derived without `time`. gpus: a number,
    or TYPE:NUMBER.
    """
    kind, count = _gpus(gpus)
    _refuse("--partition", partition, _NAMES, "gpu")
    _refuse("--account", account, _NAME, "my-project")
    _refuse("--qos", qos, _NAME, "normal")
    _refuse("--constraint", constraint, _CONSTRAINT, "a100")
    _refuse("--mem", memory, _SIZE, "32G")
    if cpus is not None and not 1 <= cpus <= MAX_CPUS:
        raise _fault("--cpus", str(cpus), "8")
    return Request(
        minutes=_minutes(hours, time),
        partition=partition,
        account=account,
        qos=qos,
        constraint=constraint,
        gpus=count,
        gpu_type=kind,
        workers=workers,
        cpus=cpus,
        memory=memory,
    )


def _gpus(text: str | None) -> tuple[str | None, int]:
    """Return the type and the number of GPUs."""
    if text is None:
        return None, 0
    match = _GPUS.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= MAX_GPUS:
        raise _fault("--gpus", text, "16")
    return match[1], int(match[2])


def _minutes(hours: float | None, time: str | None) -> int:
    """Return the minutes that the allocation may last."""
    if time is not None:
        return _parsed(time)
    if hours is None:
        raise WrongOption(
            "an allocation needs an end, and neither --hours nor --time is given", "--hours", "8"
        )
    return min(math.ceil(60 * hours) + MARGIN_MINUTES, MAX_MINUTES)


def _parsed(time: str) -> int:
    """Return the minutes of a time in one of Slurm's forms: 90, 8:00:00, 1-12, 1-12:30:00."""
    match = _TIME.fullmatch(time)
    if match is None:
        raise _fault("--time", time, "8:30:00")
    days, first, second, third = match.groups()
    if days is not None:
        minutes = 24 * 60 * int(days) + 60 * int(first) + int(second or 0)
    elif third is not None:
        minutes = 60 * int(first) + int(second)
    else:
        minutes = int(first)
    if not 1 <= minutes <= MAX_MINUTES:
        raise _fault("--time", time, "8:30:00")
    return minutes


def _refuse(option: str, value: str | None, pattern: re.Pattern[str], example: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise _fault(option, value, example)


def _fault(option: str, value: str, example: str) -> WrongOption:
    message = f"{option} {value[:100]!a} is nothing that Slurm would understand there"
    return WrongOption(message, option, example)
