"""A runner that runs nothing: it plays the outcomes and output it was given, for tests and demonstrations."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from sandbox.ground.outcome import Dialogue, Outcome, RunSpec

Script = Callable[[RunSpec], tuple[Outcome, str]]


@dataclass
class ScriptedRunner:
    """Runner. `script` gives each run's outcome and what it says; run() logs that, converse() offers it as stdout."""

    script: Script
    tier: str = "scripted"

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:  # noqa: ARG002
        outcome, said = self.script(spec)
        Path(spec.log).write_text(said, encoding="utf-8")
        return outcome

    def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:  # noqa: ARG002
        outcome, said = self.script(spec)
        Path(spec.log).write_text("", encoding="utf-8")
        dialogue(BytesIO(), BytesIO(said.encode()))
        return outcome
