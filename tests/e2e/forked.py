"""Run `autoresearch` as a fork of a process that has already imported it.

Importing costs half a second of CPU a command, and the tests type hundreds of them. Each command is
a process with its own folder, environment, streams and exit code, as the installed program is;
tests/e2e/test_forked.py compares the two. The server is the standard library's: a process that
only imports and forks.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest import mock

# What most commands load, also where they load it late.
PRELOAD = ["agent.cli", "agent.cli.start", "agent.cli.session", "agent.run.loop", __name__]


@cache
def server() -> ForkServerContext:
    """Start the process that forks; it ends with the one that called."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    # A process with threads must not fork, and OpenBLAS would start some on import.
    with mock.patch.dict(os.environ, OPENBLAS_NUM_THREADS="1"):
        forkserver.ensure_running()
    return context


def run(
    command: list[str], folder: Path, variables: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raise subprocess.TimeoutExpired if it takes too long."""
    with tempfile.TemporaryDirectory(prefix="forked-") as streams:
        arguments = (command, str(folder), variables, streams)
        process = server().Process(target=_work, args=arguments)
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout)
        code = process.exitcode
        process.close()
        assert code is not None
        output = Path(streams, "1").read_text(encoding="utf-8")
        errors = Path(streams, "2").read_text(encoding="utf-8")
    return subprocess.CompletedProcess(command, code, output, errors)


def _work(command: list[str], folder: str, variables: dict[str, str], streams: str) -> None:
    """Be the command: in its folder, with its environment and streams."""
    _connect(0, os.devnull, os.O_RDONLY)
    for number in (1, 2):
        _connect(number, os.path.join(streams, str(number)), os.O_WRONLY | os.O_CREAT)  # noqa: PTH118
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = command
    from agent.__main__ import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()


def _connect(number: int, path: str, flags: int) -> None:
    """Open a file as one of the three streams."""
    descriptor = os.open(path, flags, 0o600)
    os.dup2(descriptor, number)
    os.close(descriptor)
