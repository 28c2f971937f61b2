"""Proves an isolation before it is trusted, by a probe under a trial's exact command line."""

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from sandbox.canary.probe import KERNEL
from sandbox.ground.devices import Device, listed, remedy
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.outcome import GIB, Finished, Limits, Runner, RunSpec
from sandbox.ground.record import Record
from sandbox.proof.guarantees import LACKS, missing
from sandbox.proof.traps import traps

PROBE = str(Path(__file__).with_name("probe.py"))
MUST_WORK = ("write to scratch",)
IMPORT = "import "
"""How a check begins whether a module can be imported."""
LIMITS = Limits(wall_seconds=120.0, memory_bytes=16 * GIB)


class CanaryReport(Record):
    """The result of the probe under one tier."""

    tier: str
    back_end: str
    ok: bool
    answers: tuple[tuple[str, str, str], ...] = ()
    """(what the probe tried, the right answer "yes" or "no", the reply)"""
    lacks: tuple[str, ...] = ()
    """The checks that this tier is allowed to fail."""
    missing: tuple[str, ...] = ()
    """What the tier cannot promise on this machine, a sentence each."""
    reason: str = ""
    """Why it is not trusted; "" if it is."""
    fix: str | None = None
    """The command that helps."""

    @property
    def wrong(self) -> list[str]:
        """The checks whose reply is not the right one, but for those that the tier may fail."""
        return [
            check
            for check, expected, reply in self.answers
            if reply.split()[0] != expected and check not in self.lacks
        ]

    @property
    def unloaded(self) -> list[str]:
        """Modules that it cannot import, where nothing else is wrong: no other tier could."""
        is_import = [check.startswith(IMPORT) for check in self.wrong]
        return [check.removeprefix(IMPORT) for check in self.wrong] if all(is_import) else []


def prove(
    runner: Runner,
    python: str = sys.executable,
    imports: tuple[str, ...] = ("torch",),
    gpus: tuple[Device, ...] = (),
    place: Path | None = None,
) -> CanaryReport:
    """Run the probe under `runner` and return its report; a SandboxFault becomes its reason.

    python: the interpreter inside. imports: modules that it must be able to import. gpus: with
    torch among the imports, a kernel must run on each (not run on an accelerator yet). place: the
    parent of the probe's folder; by default the system's folder for temporary files.
    """
    name = type(runner).__name__.lower()
    try:
        replies = _run_probe(runner, python, imports, gpus, place)
    except SandboxFault as fault:
        return CanaryReport(
            tier=runner.tier, back_end=name, ok=False, reason=fault.message, fix=fault.next_command
        )
    return _report(runner, name, replies, imports, gpus)


def _report(
    runner: Runner,
    name: str,
    replies: Mapping[str, str],
    imports: tuple[str, ...],
    gpus: tuple[Device, ...],
) -> CanaryReport:
    """Return the report on the probe's replies. name: of the back end."""
    must_work = {KERNEL, *MUST_WORK, *(f"{IMPORT}{module}" for module in imports)}
    answers = tuple(
        (check, "yes" if check in must_work else "no", reply) for check, reply in replies.items()
    )
    report = CanaryReport(
        tier=runner.tier,
        back_end=name,
        ok=True,
        answers=answers,
        lacks=LACKS.get(runner.tier, ()),
        missing=missing(runner.tier),
    )
    wrong = report.wrong
    if not wrong:
        return report
    reason = f"a run under it could or could not, wrongly: {', '.join(wrong)}"
    fix = None
    if KERNEL in wrong:
        reason += f": {replies[KERNEL]} on {listed(gpus)}"
        fix = remedy(gpus)
    return report.model_copy(update={"ok": False, "reason": reason, "fix": fix})


def _run_probe(
    runner: Runner,
    python: str,
    imports: tuple[str, ...],
    gpus: tuple[Device, ...],
    place: Path | None,
) -> dict[str, str]:
    """Return the probe's reply to every check. Raise SandboxFault if it did not finish."""
    wanted = {"imports": imports, "gpus": len(gpus), "vendor": gpus[0].vendor if gpus else ""}
    with temporary_folder("canary", place) as home, traps(home) as target:
        spec = RunSpec(
            argv=(python, "-I", PROBE, json.dumps({**target, **wanted})),
            folder=f"{home}/folder",
            scratch=f"{home}/scratch",
            log=f"{home}/log",
            read_only=(PROBE,),
            limits=LIMITS,
            gpus=gpus,
        )
        outcome = runner.run(spec, threading.Event())
        output = Path(spec.log).read_text(errors="replace").strip()
    if not isinstance(outcome, Finished):
        raise SandboxFault(
            f"the probe of tier {runner.tier} ended as {outcome.kind}: {output[-300:]!a}"
        )
    replies: dict[str, str] = json.loads(output.splitlines()[-1])
    return replies
