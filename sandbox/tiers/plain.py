"""Tier "none": a plain process, for `--unsafe-no-sandbox`.

It holds the limits that can be polled, and protects nothing.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.outcome import RunSpec
from sandbox.limits.launch import Launch
from sandbox.tiers.backend import BackEnd
from sandbox.tiers.seatbelt import sweep
from sandbox.walls import plan
from sandbox.walls.launcher import Launcher, command


class Plain(BackEnd):
    """No isolation: network, files and secrets of the user are all within reach of the command."""

    tier: ClassVar[str] = "none"
    system: ClassVar[str] = sys.platform

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[Launch]:
        """Yield the launch of `spec` as a plain process."""
        on_linux = sys.platform == "linux"
        with plan.prepare(spec, walls="none") as prepared:

            def argv(descriptor: int, _: int) -> list[str]:
                return command(self.launcher, descriptor)

            yield Launch(
                start=lambda talking: Launcher.start(argv, prepared.environment, talking=talking),
                plan={**prepared.plan, "supervise": "subreaper" if on_linux else ""},
                namespace=False,
                sweep=None if on_linux else sweep,
                counts_cores=on_linux,
            )
