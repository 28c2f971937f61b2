"""Tier B: namespaces, Landlock and seccomp by our own launcher, on nothing but a stock kernel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.outcome import RunSpec
from sandbox.limits.launch import Launch
from sandbox.tiers.backend import BackEnd
from sandbox.walls import plan


class Namespaces(BackEnd):
    """Our launcher builds the walls, outside of them.

    Root makes the namespaces without a user namespace and gives the run a uid of its own; a user
    needs a user namespace.
    """

    tier: ClassVar[str] = "B"
    system: ClassVar[str] = "linux"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[Launch]:
        """Yield the launch of `spec`, whose launcher makes the namespaces."""
        with plan.prepare(spec, walls="mounts") as prepared:
            yield Launch(
                start=self.ahead,
                plan={**prepared.plan, "supervise": "namespace", "new_user": os.geteuid() != 0},
                namespace=True,
            )
