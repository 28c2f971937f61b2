"""The tiers that this machine can run, and a short way to run Python under one of them."""

import atexit
import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import MIB, Dialogue, Limits, Outcome, Runner, RunSpec
from sandbox.tiers.choose import TIERS
from sandbox.tiers.plain import Plain

ROOT = Path(__file__).parents[2]
RUNNERS: dict[str, Callable[[], Runner]] = {**TIERS, "none": Plain}
ISOLATING = tuple(TIERS)


@functools.cache
def why_not(tier: str) -> str | None:
    """Return why `tier` cannot run here, or None where it can."""
    with folders() as home:
        try:
            RUNNERS[tier]().run(spec_in(home, "pass", **interpreter_for(tier)), threading.Event())
        except SandboxFault as fault:
            return f"tier {tier} cannot run here: {fault.message}"
    return None


def interpreter_for(tier: str) -> dict[str, Any]:
    """Return `python`, and in `read_only` where its packages lie.

    Tier C as root needs one that every user may run.
    """
    if tier != "C" or os.geteuid() != 0 or open_to_all(sys.executable):
        return {"python": sys.executable}
    return {"python": open_python(), "read_only": (sysconfig.get_path("purelib"),)}


def open_to_all(executable: str) -> bool:
    """Return whether every user can reach a program."""
    parents = Path(executable).resolve().parents
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)


@functools.cache
def open_python() -> str:
    """Return a Python outside of anybody's home, with this one's packages.

    Skip where the machine has none of this version.
    """
    system = "/usr/bin/python3"
    if _version_of(system) != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"this Python lies in a closed folder, and {system} is not of its version")
    home = tempfile.mkdtemp(prefix="sandbox-python-")
    atexit.register(shutil.rmtree, home)
    subprocess.run([system, "-m", "venv", "--without-pip", home], check=True)
    Path(home).chmod(0o755)
    packages = next(Path(home).glob("lib/python3*/site-packages"))
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return f"{home}/bin/python"


def _version_of(python: str) -> list[str]:
    if not Path(python).exists():
        return []
    command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@contextmanager
def folders() -> Iterator[Path]:
    """Yield a folder with `folder` and `scratch` in it.

    It lies outside pytest's own, which is closed to other users.
    """
    home = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    home.chmod(0o755)
    for name in ("folder", "scratch"):
        (home / name).mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(home)


def spec_in(home: Path, code: str, **changes: Any) -> RunSpec:
    """Return a run of Python with `code`.

    `changes` go to Limits where they name a limit, to RunSpec otherwise.
    """
    python = changes.pop("python", sys.executable)
    limits = {name: changes.pop(name) for name in list(changes) if name in Limits.model_fields}
    return RunSpec(
        argv=changes.pop("argv", (python, "-I", "-S", "-c", textwrap.dedent(code))),
        folder=str(home / "folder"),
        scratch=str(home / "scratch"),
        log=str(home / "log"),
        limits=Limits(**{"wall_seconds": 30.0, "disk_bytes": 64 * MIB, **limits}),
        **changes,
    )


@dataclass
class Ran:
    """How a run ended, and its log."""

    outcome: Outcome
    output: str

    @property
    def value(self) -> Any:
        """The last line of the output, as JSON."""
        return json.loads(self.output.splitlines()[-1])


@dataclass
class Place:
    """One runner and one pair of folders to use it on."""

    runner: Runner
    home: Path

    @property
    def tier(self) -> str:
        """The runner's tier."""
        return self.runner.tier

    @property
    def python(self) -> str:
        """An interpreter, with the packages of this one, that a run can start."""
        return str(interpreter_for(self.tier)["python"])

    def given(self) -> dict[str, Any]:
        """The interpreter of its runs, and what they need to read for it."""
        return interpreter_for(self.tier)

    @property
    def mark(self) -> str:
        """A word that no other test's processes carry, not even the same test's beside this one."""
        return f"mark-{self.home.name}"

    @property
    def scratch(self) -> Path:
        """The folder that runs may write."""
        return self.home / "scratch"

    def spec(self, code: str, **changes: Any) -> RunSpec:
        """Return a run of `code` here; see spec_in for `changes`."""
        given = self.given()
        read_only = (*given.get("read_only", ()), *changes.pop("read_only", ()))
        return spec_in(self.home, code, **{**given, **changes, "read_only": read_only})

    def run(self, code: str, cancel: threading.Event | None = None, **changes: Any) -> Ran:
        """Run `code`."""
        outcome = self.runner.run(self.spec(code, **changes), cancel or threading.Event())
        return self._ran(outcome)

    def converse(
        self, code: str, dialogue: Dialogue, cancel: threading.Event | None = None, **changes: Any
    ) -> Ran:
        """Run `code` with a dialogue."""
        spec = self.spec(code, **changes)
        outcome = self.runner.converse(spec, cancel or threading.Event(), dialogue)
        return self._ran(outcome)

    def _ran(self, outcome: Outcome) -> Ran:
        return Ran(outcome, (self.home / "log").read_text(errors="replace"))


def living(mark: str) -> list[int]:
    """Return the processes of this machine whose command line has `mark` in it."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                pids.append(int(folder.name))
        except OSError:
            continue
    return pids
