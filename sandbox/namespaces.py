"""Tier B: namespaces, Landlock and seccomp by our own launcher, on nothing but a stock kernel."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from sandbox import mounts, plan, supervise
from sandbox.outcome import Dialogue, Outcome, RunSpec


@dataclass
class Namespaces:
    """Runner. `launcher` is the interpreter that builds the walls, outside of them.

    Root makes the namespaces without a user namespace and gives the run a uid of its own; a user needs a user namespace.
    """

    launcher: str = mounts.launcher_interpreter()
    tier: str = "B"
    system: ClassVar[str] = "linux"

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        with self._launch(spec) as launch:
            return supervise.run(launch, spec, cancel)

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
        with self._launch(spec) as launch:
            return supervise.converse(launch, spec, cancel, dialogue)

    @contextmanager
    def _launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        with plan.prepare(spec, walls="mounts") as prepared:
            yield supervise.Launch(
                argv=lambda descriptor, _: plan.launch_command(self.launcher, descriptor),
                environment=prepared.environment,
                plan={**prepared.plan, "supervise": "namespace", "new_user": os.geteuid() != 0},
                namespace=True,
            )
