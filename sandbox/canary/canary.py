"""Proves an isolation before it is trusted: the exact command line of a trial runs a probe that tries to get out."""

import json
import sys
import threading
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


def prove(
    runner: Runner,
    python: str = sys.executable,
    imports: tuple[str, ...] = ("torch",),
    gpus: tuple[Device, ...] = (),
    place: Path | None = None,
) -> CanaryReport:
    """Run the probe under `runner` with `python`, which must be able to import `imports` inside. Never raises a Fault.

    gpus: with torch among the imports, a kernel must run on each (not run on an accelerator yet). place: the folder in which the
    probe gets its own; default: the system's for temporary files.
    """
    name = type(runner).__name__.lower()
    try:
        said = _run_probe(runner, python, imports, gpus, place)
    except SandboxFault as fault:
        return CanaryReport(
            tier=runner.tier, back_end=name, ok=False, reason=fault.message, fix=fault.next_command
        )
    must_work = {KERNEL, *MUST_WORK, *(f"import {module}" for module in imports)}
    answers = tuple(
        (check, "yes" if check in must_work else "no", got) for check, got in said.items()
    )
    lacks = LACKS.get(runner.tier, ())
    wrong = [
        check
        for check, expected, got in answers
        if got.split()[0] != expected and check not in lacks
    ]
    reason = f"a run under it could or could not, wrongly: {', '.join(wrong)}" if wrong else ""
    fix = None
    if KERNEL in wrong:
        reason = f"{reason}: {said[KERNEL]} on {listed(gpus)}"
        fix = remedy(gpus)
    return CanaryReport(
        tier=runner.tier,
        back_end=name,
        ok=not wrong,
        answers=answers,
        lacks=lacks,
        missing=missing(runner.tier),
        reason=reason,
        fix=fix,
    )


def _run_probe(
    runner: Runner,
    python: str,
    imports: tuple[str, ...],
    gpus: tuple[Device, ...],
    place: Path | None,
) -> dict[str, str]:
    """What the probe says, every check answered; SandboxFault where it did not get to its end."""
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
        said = Path(spec.log).read_text(errors="replace").strip()
    if not isinstance(outcome, Finished):
        raise SandboxFault(
            f"the probe of tier {runner.tier} ended as {outcome.kind}: {said[-300:]!a}"
        )
    answers: dict[str, str] = json.loads(said.splitlines()[-1])
    return answers
