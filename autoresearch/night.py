"""Runs the `autoresearch` command in a process of its own, and yields the events of the run."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sandbox.ground.fault import Fault

Event = dict[str, Any]
"""`{"event": "Judged", "trial": {...}}`: the fields of the class in agent/records/events.py."""

Flag = str | int | float | bool | os.PathLike[str] | Sequence[str] | None


def start(folder: str | os.PathLike[str] = ".", **flags: Flag) -> Iterator[Event]:
    """Start a run in `folder`, and yield its events as they happen, until it ends.

    flags: those of `autoresearch start`: `trials=4` is `--trials 4`, `trust=True` is `--trust`, a
    list gives a flag once for each item, and None leaves it out. To stop early, close the
    generator or leave the loop: the training in progress is stopped and `resume` continues it.
    Raise Fault, with what the command says, if it ends with an error.
    """
    return _follow("start", folder, [], flags)


def resume(
    folder: str | os.PathLike[str] = ".", run: str | None = None, **flags: Flag
) -> Iterator[Event]:
    """Go on with a run, and yield its events as `start` does.

    run: a tag; None for the one that is checked out in the folder, else the newest.
    """
    return _follow("resume", folder, [run] if run else [], flags)


def _follow(
    command: str, folder: str | os.PathLike[str], words: Sequence[str], flags: dict[str, Flag]
) -> Iterator[Event]:
    argv = [sys.executable, "-P", "-m", "autoresearch", command, *words, "--json"]
    argv += _typed(flags)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        _begin(argv, Path(folder), errors) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield json.loads(line)
        except BaseException:  # the caller has left the loop: stop the training in progress
            process.terminate()
            process.communicate()
            raise
        if process.wait():
            raise _fault(process.returncode, errors)


def _begin(argv: list[str], folder: Path, errors: IO[str]) -> subprocess.Popen[str]:
    """Return the process of the command. Raise Fault if it cannot be started there."""
    try:
        return subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
    except (OSError, ValueError) as error:
        raise Fault(f"cannot start in {str(folder)!r}: {error}", "autoresearch log") from None


def _typed(flags: dict[str, Flag]) -> Iterator[str]:
    """Yield keyword arguments as the words of a command line."""
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            yield flag
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for item in value:
                yield f"{flag}={item}"
        else:
            yield f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}"


def _fault(code: int, errors: IO[str]) -> Fault:
    """Return the fault that the command printed, with its exit code."""
    errors.seek(0)
    lines = errors.read().splitlines()
    message = _after("error:", lines) or "\n".join(lines[-20:]) or f"exit code {code}"
    fault = Fault(message, _after("next:", lines) or "autoresearch log")
    fault.exit_code = code
    return fault


def _after(mark: str, lines: Sequence[str]) -> str:
    """Return what follows `mark` on the last line that begins with it."""
    marked = [line.removeprefix(mark).strip() for line in lines if line.startswith(mark)]
    return marked[-1] if marked else ""
