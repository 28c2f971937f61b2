"""Chooses the best isolation that this machine can prove; refuses to run without one."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sandbox.canary.canary import CanaryReport, prove
from sandbox.canary.probe import KERNEL
from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.lacks import EXHAUSTED
from sandbox.ground.outcome import Runner
from sandbox.proof.guarantees import better
from sandbox.tiers.backend import BackEnd
from sandbox.tiers.bubblewrap import Bubblewrap
from sandbox.tiers.landlocked import Landlocked
from sandbox.tiers.namespaces import Namespaces
from sandbox.tiers.plain import Plain
from sandbox.tiers.seatbelt import Seatbelt

BACK_ENDS: dict[str, type[BackEnd]] = {
    "A": Bubblewrap,
    "B": Namespaces,
    "C": Landlocked,
    "M": Seatbelt,
}
"""Best first. A new tier is one file and one row; the suites of tests run over this table."""
TIERS = {tier: back_end for tier, back_end in BACK_ENDS.items() if back_end.system == sys.platform}
HINTS = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=10000"),
)
"""(a kernel switch, the value that stands in the way, what to type)

The switches are read for the hint only, never for the choice.
"""


@dataclass(frozen=True)
class Chosen:
    """The chosen runner, with the reports of the canary."""

    runner: Runner
    tier: str
    """Of TIERS, or "none"."""
    reports: tuple[CanaryReport, ...] = ()
    """The report of every tier that was tried on the way to it."""


def choose_runner(
    unsafe: bool = False,
    imports: tuple[str, ...] = ("torch",),
    gpus: tuple[Device, ...] = (),
    place: Path | None = None,
    python: str = sys.executable,
) -> Chosen:
    """Return the best runner whose canary passes; with `unsafe` a plain process.

    Raise SandboxFault, with the fix to type, if none passes.

    imports: what the interpreter must be able to import inside.
    gpus: the accelerators that torch must compute on there.
    place: a folder beside which runs will have theirs: what cannot run there is not chosen.
    python: the interpreter of the runs.
    """
    if unsafe:
        return Chosen(Plain(), Plain.tier)
    reports: list[CanaryReport] = []
    for back_end in TIERS.values():
        runner = back_end()
        report = prove(runner, python=python, imports=imports, gpus=gpus, place=place)
        reports.append(report)
        if report.ok:
            return Chosen(runner, runner.tier, tuple(reports))
    unloaded = next((report.unloaded for report in reports if report.unloaded), [])
    if unloaded:
        raise _not_imported(python, unloaded)
    tried = "\n".join(_why_not(report) for report in reports)
    tried = tried or f"  there is no tier for {sys.platform}"
    raise SandboxFault(
        f"this machine cannot isolate a run, so none is started:\n{tried}", _fix(reports)
    )


def _not_imported(python: str, modules: Sequence[str]) -> SandboxFault:
    names = " ".join(modules)
    return SandboxFault(
        f"{python} cannot import {names} in the sandbox, which shows of its packages those that lie"
        " in its own environment, and no folder that a .pth file names",
        f"{quote(python)} -m pip install --ignore-installed {names}",
    )


def _why_not(report: CanaryReport) -> str:
    reason = f"  tier {report.tier} ({report.back_end}): {report.reason}"
    return f"{reason}; try: {report.fix}" if report.fix else reason


def _fix(reports: list[CanaryReport]) -> str | None:
    """Return the command that most likely helps; None on a system without a back end."""
    if sys.platform != "linux":
        return None
    for report in reports:
        if report.fix in EXHAUSTED:
            return report.fix
    for switch, blocking, command in HINTS:
        path = Path("/proc/sys") / switch
        if path.exists() and path.read_text().strip() == blocking:
            return command
    if reports and all(KERNEL in report.reason for report in reports):
        return reports[0].fix
    return better() or next((report.fix for report in reports if report.fix), None)
