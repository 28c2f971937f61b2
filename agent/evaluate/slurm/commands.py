"""Calls Slurm's commands sbatch, squeue and scancel."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from shlex import quote

from agent.errors import Fault, UsageFault
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

SECONDS = 60.0
"""A controller that is busy answers late; one that is down does not answer."""
HANDED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "LD_LIBRARY_PATH")
"""Of the environment. SBATCH_* would change what the batch file says."""
WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
WORKING = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"})
_FORM = "%T|%r|%S|%e|%N"
_JOB = re.compile(r"([0-9]{1,12})(;[^\s]*)?\s*")
_STATE = re.compile(r"[A-Z_]+")
_GONE = "Invalid job id"


class Job(Record):
    """The state of a job."""

    number: int
    state: str
    """PENDING, RUNNING, COMPLETED, …; GONE where Slurm has forgotten it."""
    reason: str = ""
    """Why it waits, or has ended."""
    starts: str = ""
    """When it is expected to start, or started, as Slurm writes times."""
    ends: str = ""
    nodes: str = ""

    @property
    def waits(self) -> bool:
        """Whether it waits in the queue."""
        return self.state in WAITING

    @property
    def works(self) -> bool:
        """Whether it runs."""
        return self.state in WORKING

    @property
    def text(self) -> str:
        """One line about it for the user."""
        if not self.waits:
            return f"job {self.number} is {self.state} on {self.nodes or 'no node'}"
        reason = f": {self.reason}" if self.reason not in ("", "None") else ""
        starts = f", may start at {self.starts}" if self.starts.startswith("2") else ""
        return f"job {self.number} waits in the queue{reason}{starts}"


def submit(file: Path) -> int:
    """Submit a batch file; return the job's number. Raise Fault if Slurm refuses it.

    A site's own words may stand before the number.
    """
    reply = _ask("sbatch", "--parsable", str(file))
    if reply.returncode != 0:
        raise Fault(
            f"Slurm did not take the job: {_said(reply)}",
            f"sbatch --test-only {quote(str(file))}   # and edit",
        )
    match = _JOB.fullmatch(reply.stdout.strip().rpartition("\n")[2])
    if match is None:
        message = f"sbatch names no job: {_said(reply)}"
        raise Fault(message, "squeue --me   # and scancel the job, if it is there")
    return int(match[1])


def look(number: int) -> Job:
    """Return the state of a job. Raise Fault if Slurm does not answer."""
    reply = _ask("squeue", "--noheader", "--states=all", f"--jobs={number}", f"--format={_FORM}")
    lines = reply.stdout.strip().splitlines()
    if _GONE in reply.stderr or (reply.returncode == 0 and not lines):
        return Job(number=number, state="GONE")
    fields = one_line(lines[-1]).split("|", 4) if lines else []
    if reply.returncode != 0 or len(fields) != 5 or not _STATE.fullmatch(fields[0]):
        raise Fault(f"Slurm does not answer: {_said(reply)}", "squeue --me")
    state, reason, starts, ends, nodes = fields
    return Job(number=number, state=state, reason=reason, starts=starts, ends=ends, nodes=nodes)


def cancel(number: int, signal: str | None = None) -> None:
    """Cancel a job, or send a signal to the driver inside it. Raise Fault if Slurm refuses."""
    words = [f"--signal={signal}", "--batch"] if signal else []
    reply = _ask("scancel", *words, str(number))
    if reply.returncode != 0 and _GONE not in reply.stderr:
        raise Fault(f"job {number} could not be ended: {_said(reply)}", f"scancel {number}")


def _ask(command: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's commands. Raise Fault if it is missing or does not end."""
    path = shutil.which(command)
    if path is None:
        raise UsageFault(
            f"Slurm's command {command} is not here: --on slurm is typed on a cluster's login node",
            "which sbatch squeue scancel   # perhaps after: module load slurm",
        )
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    try:
        return subprocess.run(
            [path, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
            start_new_session=True,  # a Ctrl-C is the driver's to hear
        )
    except subprocess.TimeoutExpired:
        raise Fault(f"{command} took more than {SECONDS:.0f} s", "scontrol ping") from None


def _said(reply: subprocess.CompletedProcess[str]) -> str:
    return one_line(reply.stderr.strip() or reply.stdout.strip() or f"code {reply.returncode}")
