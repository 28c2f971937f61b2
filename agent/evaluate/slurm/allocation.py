"""Gets an allocation for a session: submits the job, waits for it, and ends it."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Literal

from pydantic import ValidationError

from agent.errors import Fault, SandboxFault
from agent.evaluate.slurm.commands import Job, cancel, look, submit
from agent.evaluate.slurm.folder import MAX_BYTES, Folder, Head, allocations
from agent.evaluate.slurm.request import Request
from agent.evaluate.slurm.script import batch_file
from agent.git.home import no_link, remove_file, write_whole
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

FIRST_LOOK_SECONDS = 1.0
LAST_LOOK_SECONDS = 30.0
"""Between two questions to Slurm; the longer a job has waited, the rarer it is asked."""
SILENT_SECONDS = 900.0
"""A controller that is restarted answers again long before."""
START_SECONDS = 300.0
"""Ray is up on the first node after so long, or never."""

Tell = Callable[[str], None]
"""Hears how the wait goes, in one line."""


class Allocation(Record):
    """The job of a run, as recorded in the run's folder for other commands."""

    job: int
    folder: str
    driver: Literal["outside", "inside"]

    @property
    def is_ours(self) -> bool:
        """Whether its folder is one that this user's sessions make.

        The file lies in the project's folder, which may have come from somebody else: at his word
        no job is ended and no file removed.
        """
        return Path(self.folder).parent == allocations()


def read_allocation(path: Path) -> Allocation | None:
    """Return the allocation recorded in the file `path`; None if there is none."""
    try:
        with open(path, "rb", opener=no_link) as file:
            return Allocation.model_validate_json(file.read(MAX_BYTES))
    except (OSError, ValidationError):
        return None


@contextmanager
def allocated(
    request: Request, tag: str, record: Path, cancelled: threading.Event, tell: Tell
) -> Iterator[Head]:
    """Submit a job, and yield the address of its cluster's head; the job ends with the block.

    record: the file to record the allocation in. cancelled: ends the wait. Raise Fault if Slurm
    refuses, and SandboxFault if the job ends before its cluster is up.
    """
    number, folder = _submit(request, tag, record, ())
    try:
        head = _wait(folder, number, cancelled, tell)
        with _environment(folder):
            yield head
    finally:
        remove_file(folder.token)  # without it, a job that cannot be ended now ends itself
        cancel(number)
        remove_file(record)


@contextmanager
def allocated_here(
    allocation: Allocation, record: Path, cancelled: threading.Event, tell: Tell
) -> Iterator[Head]:
    """Yield the address of the head of the cluster in whose job this process runs.

    The job ends by itself after the driver.
    """
    folder = Folder(Path(allocation.folder))
    try:
        head = _wait(folder, allocation.job, cancelled, tell)
        with _environment(folder):
            yield head
    finally:
        remove_file(folder.token)
        remove_file(record)


def submit_with_driver(
    request: Request, tag: str, record: Path, driver: tuple[str, ...]
) -> tuple[int, Folder]:
    """Submit a job in which a driver works on the run. driver: its folder and its command."""
    return _submit(request, tag, record, driver)


def planned_batch(request: Request, tag: str, driver: tuple[str, ...]) -> str:
    """Return the batch file that would be submitted."""
    return _batch_text(request, tag, Folder.fresh(tag), driver)


def _batch_text(request: Request, tag: str, folder: Folder, driver: tuple[str, ...]) -> str:
    libraries = os.environ.get("LD_LIBRARY_PATH", "")
    return batch_file(request, tag, folder.path, sys.executable, libraries, driver)


def _submit(
    request: Request, tag: str, record: Path, driver: tuple[str, ...]
) -> tuple[int, Folder]:
    """Submit a job and record it; return its number and its folder."""
    end_earlier(record)
    folder = Folder.new(tag)
    try:
        folder.write(folder.batch, _batch_text(request, tag, folder, driver))
        number = submit(folder.batch)
    except BaseException:
        remove_file(folder.token)
        raise
    where: Literal["outside", "inside"] = "inside" if driver else "outside"
    remember(record, Allocation(job=number, folder=str(folder.path), driver=where))
    return number, folder


def is_inside(allocation: Allocation | None) -> bool:
    """Return whether this process runs in the job of the allocation."""
    job = os.environ.get("SLURM_JOB_ID", "")
    return allocation is not None and job == str(allocation.job)


def end_earlier(record: Path) -> None:
    """Cancel the job that an earlier, killed session left.

    The caller must hold the run's lock. Raise Fault if a driver inside that job is at work.
    """
    earlier = read_allocation(record)
    if earlier is None or not earlier.is_ours:
        remove_file(record)
        return
    job = look(earlier.job)
    if job.waits or job.works:
        if earlier.driver == "inside":
            raise Fault(f"{job.text}, and works on the run itself", "autoresearch stop")
        cancel(earlier.job)
    remove_file(Folder(Path(earlier.folder)).token)
    remove_file(record)


def remember(record: Path, allocation: Allocation) -> None:
    """Record an allocation in the file `record`."""
    write_whole(record, allocation.model_dump_json().encode())


def _wait(folder: Folder, number: int, cancelled: threading.Event, tell: Tell) -> Head:
    """Wait until the head can be reached, and return it. Raise KeyboardInterrupt if cancelled.

    Raise SandboxFault if the job ends before, and Fault if Slurm does not answer for long.
    """
    began = time.monotonic()
    heard = began
    up_since: float | None = None
    while not (head := folder.reached()):
        now = time.monotonic()
        pause = (now - began) / 10
        try:
            job = look(number)
            heard = now
        except Fault as silence:
            if now - heard > SILENT_SECONDS:
                raise
            tell(silence.message)
        else:
            tell(job.text)
            if job.works:
                up_since = up_since or now
                pause = FIRST_LOOK_SECONDS
            late = up_since is not None and now - up_since > START_SECONDS
            if folder.ended.exists() or late or not (job.waits or job.works):
                raise _not_up(folder, job)
        if cancelled.wait(min(max(pause, FIRST_LOOK_SECONDS), LAST_LOOK_SECONDS)):
            raise KeyboardInterrupt
    return head


def _not_up(folder: Folder, job: Job) -> SandboxFault:
    ending = folder.output_end().splitlines()[-5:]
    lines = "".join(f"\n  {one_line(line)}" for line in ending)
    message = f"job {job.number} ended before its cluster was up ({job.state} {job.reason}){lines}"
    return SandboxFault(message, f"cat {quote(str(folder.log))}")


@contextmanager
def _environment(folder: Folder) -> Iterator[None]:
    """Set the environment for Ray to find the token's file, for the block."""
    names = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder.token)}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            with suppress(KeyError):
                del os.environ[name]
            if value is not None:
                os.environ[name] = value
