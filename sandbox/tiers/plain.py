"""Tier "none": a plain process, for `--unsafe-no-sandbox`. It holds the limits that can be polled, and protects nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.outcome import RunSpec
from sandbox.limits import supervise
from sandbox.tiers.backend import BackEnd
from sandbox.tiers.seatbelt import sweep
from sandbox.walls import plan
from sandbox.walls.launcher import Launcher, command


class Plain(BackEnd):
    """No isolation: network, files and secrets of the user are all within reach of the command."""

    tier: ClassVar[str] = "none"
    system: ClassVar[str] = sys.platform

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        on_linux = sys.platform == "linux"
        with plan.prepare(spec, walls="none") as prepared:
            yield supervise.Launch(
                start=lambda talking: Launcher.start(
                    lambda fd, _: command(self.launcher, fd), prepared.environment, talking=talking
                ),
                plan={**prepared.plan, "supervise": "subreaper" if on_linux else ""},
                namespace=False,
                sweep=None if on_linux else sweep,
                counts_cores=on_linux,
            )
