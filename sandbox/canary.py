"""Proves an isolation before it is trusted: the exact command line of a trial runs a probe that tries to get out."""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sandbox.fault import SandboxFault
from sandbox.guarantees import LACKS, missing
from sandbox.outcome import GIB, Finished, Limits, Runner, RunSpec
from sandbox.record import Record

PROBE = str(Path(__file__).with_name("probe.py"))
KEY = "AUTORESEARCH_CANARY_KEY"
MUST_WORK = ("write to scratch",)
LIMITS = Limits(wall_seconds=120.0, memory_bytes=16 * GIB)


class CanaryReport(Record):
    """What one tier showed. answers: (what the probe tried, "yes" or "no" as it should be, what happened).

    lacks: the checks that the tier cannot hold and is trusted without. missing: what it cannot promise here, in words for a
    human. reason and fix: why it is not trusted, and what to type.
    """

    tier: str
    back_end: str
    ok: bool
    answers: tuple[tuple[str, str, str], ...] = ()
    lacks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""
    fix: str | None = None


def prove(runner: Runner, python: str = sys.executable, imports: tuple[str, ...] = ("torch",)) -> CanaryReport:
    """Run the probe under `runner` with `python`, which must be able to import `imports` inside. Never raises a Fault."""
    name = type(runner).__name__.lower()
    try:
        said = _run_probe(runner, python, imports)
    except SandboxFault as fault:
        return CanaryReport(tier=runner.tier, back_end=name, ok=False, reason=fault.message, fix=fault.next_command)
    must_work = {*MUST_WORK, *(f"import {module}" for module in imports)}
    answers = tuple((check, "yes" if check in must_work else "no", got) for check, got in said.items())
    lacks = LACKS.get(runner.tier, ())
    wrong = [check for check, expected, got in answers if got.split()[0] != expected and check not in lacks]
    reason = f"a run under it could or could not, wrongly: {', '.join(wrong)}" if wrong else ""
    return CanaryReport(
        tier=runner.tier, back_end=name, ok=not wrong, answers=answers, lacks=lacks, missing=missing(runner.tier), reason=reason
    )


def _run_probe(runner: Runner, python: str, imports: tuple[str, ...]) -> dict[str, str]:
    """What the probe says, every check answered; SandboxFault where it did not get to its end."""
    with tempfile.TemporaryDirectory(prefix="autoresearch-canary-") as home, _traps(Path(home)) as target:
        spec = RunSpec(
            argv=(python, "-I", PROBE, json.dumps({**target, "imports": imports})),
            folder=f"{home}/folder",
            scratch=f"{home}/scratch",
            log=f"{home}/log",
            read_only=(PROBE,),
            limits=LIMITS,
        )
        outcome = runner.run(spec, threading.Event())
        said = Path(spec.log).read_text(errors="replace").strip()
    if not isinstance(outcome, Finished):
        raise SandboxFault(f"the probe of tier {runner.tier} ended as {outcome.kind}: {said[-300:]!a}")
    answers: dict[str, str] = json.loads(said.splitlines()[-1])
    return answers


@contextmanager
def _traps(home: Path) -> Iterator[dict[str, Any]]:
    """Everything that the probe must not reach, alive and reachable from here; yields where it is."""
    value, abstract = secrets.token_hex(16), f"autoresearch-canary-{secrets.token_hex(8)}"
    for name in ("folder", "scratch", "elsewhere"):
        (home / name).mkdir()
    (home / "elsewhere/secret").write_text(value)
    home.chmod(0o755)  # so that only the sandbox stands between the probe and these files
    (home / "elsewhere").chmod(0o777)
    with ExitStack() as stack:
        loopback = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in ("\0" + abstract, str(home / "elsewhere/socket")):
            trap = stack.enter_context(socket.socket(socket.AF_UNIX))
            trap.bind(address)
            trap.listen()
        (home / "elsewhere/socket").chmod(0o777)
        bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={**os.environ, KEY: value})
        stack.callback(bystander.communicate)
        stack.enter_context(_key_in_environment(value))
        yield {
            "port": loopback.getsockname()[1],
            "abstract": abstract,
            "pathname": str(home / "elsewhere/socket"),
            "secret": str(home / "elsewhere/secret"),
            "key": KEY,
            "value": value,
            "harness": os.getpid(),
            "cmdline": Path("/proc/self/cmdline").read_bytes().hex(),
            "outside": str(home / "elsewhere/written"),
            "folder": str(home / "folder"),
            "scratch": str(home / "scratch"),
        }


@contextmanager
def _key_in_environment(value: str) -> Iterator[None]:
    os.environ[KEY] = value
    try:
        yield
    finally:
        del os.environ[KEY]
