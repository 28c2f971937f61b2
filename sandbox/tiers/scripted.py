"""A runner that plays scripted outcomes and runs nothing, for tests and demonstrations."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from sandbox.ground.outcome import Dialogue, Outcome, RunSpec

Script = Callable[[RunSpec], tuple[Outcome, str]]


@dataclass
class ScriptedRunner:
    """Runner."""

    script: Script
    """Returns a run's outcome and its output."""
    tier: str = "scripted"

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:  # noqa: ARG002
        """Return the scripted outcome, and log the output."""
        outcome, output = self.script(spec)
        Path(spec.log).write_text(output, encoding="utf-8")
        return outcome

    def converse(
        self,
        spec: RunSpec,
        cancel: threading.Event,  # noqa: ARG002
        dialogue: Dialogue,
    ) -> Outcome:
        """Return the scripted outcome, and offer the output to `dialogue` as stdout."""
        outcome, output = self.script(spec)
        Path(spec.log).write_text("", encoding="utf-8")
        dialogue(BytesIO(), BytesIO(output.encode()))
        return outcome
