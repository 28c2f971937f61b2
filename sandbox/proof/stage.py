"""The stage on which an attack is made, and how the attack ended on it."""

import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.ground.devices import Device
from sandbox.ground.outcome import MIB, Limits, Outcome, Runner, RunSpec
from sandbox.ground.text import read_end
from sandbox.walls.mounts import interpreter_paths

ATTACKS = Path(__file__).with_name("attacks")
REACHED = "reached"
PLANTED = "planted"
SECONDS = 30.0
"""Wall clock of an attack that should come back by itself."""
SHORT = 1.0
HOG = 512 * MIB
QUOTA = 32 * MIB
MEMORY = 200 * MIB


class NotHere(Exception):
    """Raised if this machine has nothing that the row could attack."""


@dataclass(frozen=True)
class Ran:
    """The outcome of an attack."""

    outcome: Outcome
    output: str
    """The end of the log; its last line reports, as JSON, what was tried and reached."""

    @property
    def answers(self) -> dict[str, str]:
        """The result of each of its tries; {} if it did not get to report."""
        with suppress(IndexError, ValueError):
            answers = json.loads(self.output.strip().splitlines()[-1])
            return answers if isinstance(answers, dict) else {}
        return {}

    @property
    def reached(self) -> Iterator[str]:
        """What it reached and should not have; also that it did not get to report."""
        try:
            answers: dict[str, str] = json.loads(self.output.strip().splitlines()[-1])
            yield from (f"{name}: reached" for name, answer in answers.items() if answer == REACHED)
        except (IndexError, ValueError, AttributeError):
            yield f"no answer, but {self.outcome.kind}: {self.output[-200:]!a}"


@dataclass
class Stage:
    """A runner, an interpreter to attack with, and the traps in `home`."""

    runner: Runner
    python: str
    home: Path
    targets: dict[str, Any]
    """What the attacks get: where the traps are, and the sizes to use."""
    read_only: tuple[str, ...] = ()
    gpus: tuple[Device, ...] = ()
    """The accelerators that every attack is given."""

    def __post_init__(self) -> None:
        self.mark = f"mark-{secrets.token_hex(8)}"
        self.cancel = threading.Event()
        self.log = self.home / "log"
        self.scratch = self.home / "scratch"
        self.folder = self.home / "folder"
        self.targets = {
            **self.targets,
            "home": str(self.home),
            "log": str(self.log),
            "mark": self.mark,
            "ssh": str(Path.home() / ".ssh"),
            "uid": os.geteuid(),
            "hog": HOG,
            "quota": QUOTA,
            "agent": os.environ.get("SSH_AUTH_SOCK"),
            "opt": self._beside("/opt"),
        }

    def run(self, name: str, read_only: tuple[str, ...] = (), form: str = "", **given: Any) -> Ran:
        """Run the attack `module.function`; return its outcome.

        form: which of its variants. given: fields of Limits, and `cpus` and `gpus` of RunSpec.
        """
        outcome = self.runner.run(self.spec(name, read_only, form, **given), self.cancel)
        return Ran(outcome, read_end(self.log, 1 << 16))

    def spec(
        self, name: str, read_only: tuple[str, ...] = (), form: str = "", **given: Any
    ) -> RunSpec:
        """Return the run of the attack `module.function`; see run."""
        targets = json.dumps({**self.targets, "form": form})
        devices = {field: given.pop(field) for field in ("cpus", "gpus") if field in given}
        limits = Limits(**{"wall_seconds": SECONDS, "disk_bytes": QUOTA, **given})
        return RunSpec(
            argv=(self.python, "-I", str(ATTACKS / "__main__.py"), name, targets),
            folder=str(self.folder),
            log=str(self.log),
            scratch=str(self.scratch),
            limits=limits,
            read_only=(str(ATTACKS), *self.read_only, *read_only),
            **{"gpus": self.gpus, **devices},
        )

    def _beside(self, folder: str) -> list[str]:
        """Return the names in `folder` that do not lead to a path which a run is given.

        A path that a run is given brings the folders above it, with the names on the way.
        """
        given = [str(self.home), str(ATTACKS), *self.read_only]
        launcher = getattr(self.runner, "launcher", self.python)  # a back end has its own
        for interpreter in (self.python, launcher):
            given += interpreter_paths(interpreter)
        on_the_way: set[str] = set()
        for path in given:
            if Path(path).is_relative_to(folder):
                on_the_way |= set(Path(path).relative_to(folder).parts[:1])
        with suppress(OSError):
            return sorted(set(os.listdir(folder)) - on_the_way)  # noqa: PTH208
        return []

    def survivors(self) -> Iterator[str]:
        """Yield a failure if processes with the attack's mark on their command line are alive."""
        command = ["ps", "-axo", "pid=,args="]
        listing = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        ).stdout
        alive = [line.split()[0] for line in listing.splitlines() if self.mark in line]
        if alive:
            yield f"{len(alive)} processes survive"

    def bystander_died(self) -> bool:
        """Return whether the bystander process is dead."""
        command = ["ps", "-o", "state=", "-p", str(self.targets["bystander"])]
        state = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return state.strip()[:1] in ("", "Z")


def must_be(ran: Ran, *kinds: type[Outcome]) -> Iterator[str]:
    """Yield a failure unless the attack ended as one of `kinds`."""
    if not isinstance(ran.outcome, kinds):
        yield f"ended as {ran.outcome.kind}: {ran.output[-200:]!a}"
