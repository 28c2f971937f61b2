"""Continues a run in the background, in a new process without a terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from agent.cli.run_log import RunLog
from agent.cli.say import say
from agent.display.format import Formatter
from agent.display.waiting import waiting
from agent.run.bounds import Renewal

READY = "AUTORESEARCH_READY"
"""Names the descriptor on which the process in the background says that its session began."""

LEAST_HOURS = 0.001
"""A session with less time is given so much."""
Flag = str | int | float | bool | Sequence[str] | None


def words_of(**flags: Flag) -> list[str]:
    """Return flags as words of a command line, without those that are None, False or empty."""
    words = []
    for name, value in flags.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, str | float) or (isinstance(value, int) and value is not False):
            words.append(f"{option}={value}")
        elif isinstance(value, Sequence):
            words += [f"{option}={item}" for item in value]
    return words


def go_on(log: RunLog, words: Sequence[str], as_json: bool) -> None:
    """Resume a run in the background; once its session has begun, print how to follow it.

    words: the flags of `autoresearch resume`. The run's lock must be free. If the process ends
    before its session begins, print its output and end with its exit code.
    """
    before = log.path.stat().st_size if log.path.exists() else 0
    with waiting("the session in the background to begin"):
        process = _spawn(log, words)
    if process.returncode is not None:
        _print_failure(log, before)
        raise typer.Exit(process.returncode)
    branch = f"autoresearch/{log.tag}"
    if as_json:
        event = {"event": "Detached", "branch": branch, "pid": process.pid, "log": str(log.path)}
        typer.echo(json.dumps(event))
        return
    lines = {
        "run     ": f"{branch} goes on in the background, as process {process.pid}",
        "log     ": str(log.path),
        "watch   ": f"autoresearch status --watch {log.tag}",
        "talk    ": f"autoresearch tell 'an idea' {log.tag}   # also try, pause, skip, hold",
        "stop    ": f"autoresearch stop {log.tag}",
    }
    for label, text in lines.items():
        say(text, label)


def renew(log: RunLog, renewal: Renewal, words: Sequence[str]) -> NoReturn:
    """Replace this process by `autoresearch resume` with these words and the new workers."""
    bounds = words_of(
        workers=renewal.workers,
        trials=renewal.trials,
        max_cost="none" if renewal.max_cost is None else renewal.max_cost,
        hours=None if renewal.hours is None else max(renewal.hours, LEAST_HOURS),
    )
    command = [sys.executable, "-P", "-m", "autoresearch", "resume", *words, *bounds, "--", log.tag]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command)


def tell_ready() -> None:
    """Tell the command that started this background process that its session has begun.

    Further calls do nothing.
    """
    descriptor = os.environ.pop(READY, "")
    if descriptor.isdigit():
        os.write(int(descriptor), b"ready")
        os.close(int(descriptor))


def _spawn(log: RunLog, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the background process; it has a return code if no session began in it."""
    reader, writer = os.pipe()
    command = [sys.executable, "-P", "-m", "autoresearch", "resume", *words, "--", log.tag]
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, READY: str(writer)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log.descriptor,
            pass_fds=(writer,),
            start_new_session=True,
        )
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        try:
            if not pipe.read(1):
                process.wait()
        except BaseException:
            process.terminate()
            raise
    return process


def _print_failure(log: RunLog, before: int) -> None:
    with log.path.open("rb") as file:
        file.seek(before)
        text = file.read().decode("utf-8", "replace")
    typer.echo(Formatter(ascii_only=False).block(text), nl=False, err=True)
