"""Sends an input to a run for a command, and prints the answer."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import complete_runs
from agent.cli.say import say
from agent.errors import HistoryFault, UsageFault
from agent.git.lock import holder
from agent.history.homes import Run, find_run, homes, runs_of
from agent.history.runs import checked_out_run, lock_path
from agent.project.find import root_of
from agent.records.inputs import Admitted, Ask, words_of
from agent.run.inbox import NotSent, new_input, send, wait_for_answer

ANSWER_SECONDS = 20.0
"""A session that is still proving its sandbox answers later."""

Steered = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: the active one, else the one checked "
        "out here, else the newest.",
        autocompletion=complete_runs,
    ),
]


def run_to_steer(branch: str | None) -> Run:
    """Return the run to steer. Raise UsageFault if there is none, or several are active."""
    runs = runs_of(homes(Path.cwd()))
    if branch:
        return find_run(runs, branch)
    active = [run for run in runs if run.summary.pid is not None]
    if len(active) > 1:
        names = "\n".join(f"  {run.tag}  process {run.summary.pid}" for run in active)
        message = f"{len(active)} runs are active; name the one you mean:\n{names}"
        raise UsageFault(message, "autoresearch list")
    if active:
        return active[0]
    if not runs:
        raise HistoryFault("There is no run here yet.", "autoresearch start")
    own = checked_out_run(runs[0].home, root_of(Path.cwd()))
    return next((run for run in runs if run.summary.branch == own), runs[0])


def say_to_run(run: Run, ask: Ask) -> None:
    """Send an input, wait for its answer, and print it. Raise UsageFault for a refusal."""
    asked = new_input(ask, user_name())
    sent = send(run.home, run.tag, asked)
    if isinstance(sent, NotSent):
        raise UsageFault(sent.reason, sent.next_command)
    answer = wait_for_answer(run.home, run.tag, asked.id, ANSWER_SECONDS)
    if answer is not None:
        _print_answer(run, answer)
    elif holder(lock_path(run.home, run.tag)) is None:
        say(
            f"No process works on {run.summary.branch} here: `autoresearch resume {run.tag}` will "
            f"read this when it begins: {words_of(ask)}"
        )
    else:
        say(
            f"Process {sent.pid} has not read it yet; `autoresearch status {run.tag}` shows when "
            "it has, and a resume reads it if it ends before."
        )


def _print_answer(run: Run, answer: Admitted) -> None:
    if not answer.accepted:
        message = f"{run.summary.branch} refused `{words_of(answer.input.ask)}`: {answer.why}"
        raise UsageFault(message, f"autoresearch status {run.tag}")
    say(f"{run.summary.branch}: {words_of(answer.input.ask)} ({answer.answer})")


def user_name() -> str:
    """Return the name of the user of this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container has users without a name
        return f"uid {os.getuid()}"
