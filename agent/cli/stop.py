"""The command `stop`."""

import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.say import say
from agent.cli.slurm import driver_inside, end_inside, job_of
from agent.display.places import HERE
from agent.display.places_file import read_places
from agent.errors import UsageFault
from agent.evaluate.slurm.commands import Job
from agent.git.lock import holder, signal_holder
from agent.history.history import History
from agent.history.homes import Run, find_run, homes, runs_of
from agent.history.runs import lock_path
from agent.project.find import Project

FINISH = signal.SIGUSR1
"""Makes a session finish the trials in training, however often it comes."""
LOOK_SECONDS = 0.2

Stopped = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]", help="Which run: TAG or autoresearch/TAG. Default: the one that is active."
    ),
]


@app.command(epilog=epilog("autoresearch stop", "autoresearch stop nov24 --now"))
def stop(
    branch: Stopped = None,
    now: Annotated[
        bool,
        typer.Option("--now", help="Do not finish the trials in training; a resume repeats them."),
    ] = False,
) -> None:
    """Stop a run, from any terminal; `autoresearch resume` continues it.

    The trials in training are finished, as after Ctrl-C, and this command waits for them. It works
    in every folder and checkout of the repository.
    """
    runs = runs_of(homes(Path.cwd()))
    run = find_run(runs, branch) if branch else _only_active(runs)
    if run is None:
        say("No process works on a run of this repository.")
        return
    wanted = _what(run, now)
    job = driver_inside(run.home, run.tag)
    if job is not None:
        _stop_inside(run, job, now)
        return
    lock = lock_path(run.home, run.tag)
    pid = signal_holder(lock, lambda pid: signal.SIGTERM if now else _gentle(pid))
    if pid is None:
        say(f"No process works on {run.summary.branch}.")
        return
    say(f"Asked process {pid} to {wanted}.")
    try:
        while holder(lock) == pid:
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        say(f"It has not ended yet: `autoresearch status --watch {run.tag}` shows when it does.")
        raise
    say(f"{run.summary.branch} has stopped; {continues(run.home, run.tag)}.")


def continues(project: Project, tag: str) -> str:
    """Return how a run that has stopped goes on: where it trained, if that was not here."""
    resume = f"`autoresearch resume {tag}` continues it"
    if read_places(Path(project.root), tag) == HERE:
        return resume
    return f"{resume} on this machine, and with the same --on and options where it was"


def _stop_inside(run: Run, job: Job, now: bool) -> None:
    """End the driver that works in a batch job of Slurm, and wait for that job's end."""
    end_inside(job, now)
    say(f"Asked {job.text} to stop.")
    while job_of(run.home, run.tag) is not None:
        time.sleep(LOOK_SECONDS * 5)
    say(f"{run.summary.branch} has stopped; {continues(run.home, run.tag)}.")


def _only_active(runs: list[Run]) -> Run | None:
    """Return the run that a process works on. Raise UsageFault if there are several."""
    active = [run for run in runs if run.summary.pid is not None]
    if len(active) > 1:
        names = "\n".join(f"  {run.tag}  process {run.summary.pid}" for run in active)
        message = f"{len(active)} runs are active; name the one to stop:\n{names}"
        raise UsageFault(message, f"autoresearch stop {active[0].tag}")
    return active[0] if active else None


def _gentle(pid: int) -> signal.Signals:
    """Return the signal FINISH if the process handles it (a session), else that of Ctrl-C."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return FINISH
    fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    caught = int(fields.get("SigCgt", "0"), 16)
    return FINISH if caught >> (FINISH - 1) & 1 else signal.SIGINT


def _what(run: Run, now: bool) -> str:
    """Return a line that says what the process was asked to do."""
    branch = run.summary.branch
    with History.read(run.home, branch) as history:
        numbers = ", ".join(f"#{attempt.number}" for attempt in history.in_flight)
    if now:
        return f"stop {branch} at once"
    if not numbers:
        return f"stop {branch}; nothing is in training"
    return f"finish {numbers} and stop {branch}; waiting for that (Ctrl-C ends only the waiting)"
