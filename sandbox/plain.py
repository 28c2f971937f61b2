"""Tier "none": a plain process, for `--unsafe-no-sandbox`. It holds the limits that can be polled, and protects nothing."""

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from sandbox import plan, supervise
from sandbox.backend import BackEnd
from sandbox.launcher import Launcher, command
from sandbox.outcome import RunSpec

MARK = "AUTORESEARCH_RUN"
"""In the environment of every process of a run, and so a way to find those that left its session."""


class Plain(BackEnd):
    """No isolation: network, files and secrets of the user are all within reach of the command."""

    tier: ClassVar[str] = "none"
    system: ClassVar[str] = sys.platform

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        with plan.prepare(spec, walls="none") as prepared:
            mark = f"{MARK}={uuid.uuid4().hex}"
            environment = {**prepared.environment, **dict([mark.split("=")])}
            yield supervise.Launch(
                start=lambda talking: Launcher.start(lambda fd, _: command(self.launcher, fd), environment, talking=talking),
                plan={**prepared.plan, "environment": environment, "die_with_parent": True},
                namespace=False,
                sweep=lambda pid: _sweep(pid, mark.encode()),
            )


def _sweep(leader: int, mark: bytes) -> int:
    """Stop, then kill, all processes that carry `mark`, so that none can fork away; returns how many there were."""
    found = _marked(mark)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    return len(found)


def _marked(mark: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
