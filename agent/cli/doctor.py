"""The command `doctor`: what this machine can guarantee, what is missing, and how to improve it."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.options import Json
from agent.display.folding import FoldingTable
from agent.display.format import open_console
from agent.display.waiting import waiting
from agent.errors import Fault, ModelFault, ProjectFault, SandboxFault, UsageFault
from agent.evaluate.slots import this_machine
from agent.llm.keys import key_of
from agent.project.interpreter import Interpreter, interpreter_of, own_interpreter
from sandbox.canary.canary import CanaryReport
from sandbox.ground.devices import Device, for_one_process, listed
from sandbox.ground.record import Record
from sandbox.proof.guarantees import Attacked, Guarantee, guarantees
from sandbox.tiers.choose import Chosen, choose_runner
from sandbox.walls.environment import available_cpus

OLDEST_GIT = (2, 31)
"""The first with `git rev-parse --path-format`."""
LOW_DISK_GIB = 2
ON_MACOS = (
    "macOS, written from documentation and never run: search methods, API models and reading runs "
    "need nothing of Linux; trainings run in tier M; claude-code and codex are refused"
)
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL")


class Finding(Record):
    """One line of the diagnosis."""

    what: str
    state: Literal["ok", "note", "bad"]
    found: str
    fix: str = ""
    """What to type."""


@app.command(epilog=epilog("autoresearch doctor", "autoresearch doctor --attack"))
def doctor(
    as_json: Json = False,
    attack: Annotated[
        bool,
        typer.Option("--attack", help="Also make all 52 attacks of the hostile suite; a minute."),
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="What is checked: local, ray (each node of the cluster that this machine belongs "
            "to), or ray://HEAD:10001. Default: local.",
        ),
    ] = None,
) -> None:
    """Check this machine, and try to break out of its isolation.

    It says what is guaranteed here, what is missing, and what to type to improve it. With --on ray
    or ray://HEAD:10001 every node of the cluster proves itself instead; nothing is started.
    """
    if on is not None and on != "local":
        from agent.cli.doctor_nodes import examine_nodes

        examine_nodes(on, as_json)
        return
    with waiting("the sandbox to prove itself", "every tier is tried until one passes"):
        isolation, chosen, reports = _isolation()
    with waiting("what is installed here", "torch takes long to load on a slow disk"):
        findings = [_system(), *_tools(), *_keys(), isolation]
    promised = guarantees(chosen.tier) if chosen else ()
    attacks = _attacks(chosen, show=not as_json) if attack and chosen else ()
    if as_json:
        _print_json(findings=findings, guarantees=promised, canary=reports, attacks=attacks)
    else:
        _print(findings, promised, reports, attacks)
    if isolation.state == "bad" or any(attack.state == "broken" for attack in attacks):
        raise typer.Exit(SandboxFault.exit_code)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(Fault.exit_code)


# ---------------------------------------------------------------- what is checked


def _tools() -> list[Finding]:
    free = shutil.disk_usage(".").free / 2**30
    return [
        Finding(what="python", state="ok", found=sys.version.split()[0]),
        _interpreter(),
        _git(),
        _torch(),
        Finding(what="cores", state="ok", found=str(len(available_cpus()))),
        _accelerators(),
        Finding(
            what="disk",
            state="ok" if free > LOW_DISK_GIB else "note",
            found=f"{free:.0f} GiB free here",
        ),
    ]


def _system() -> Finding:
    """What runs on this system, and what does not."""
    if sys.platform == "linux":
        return Finding(what="system", state="ok", found=f"Linux, {platform.machine()}")
    if sys.platform == "darwin":
        return Finding(what="system", state="note", found=ON_MACOS, fix="see docs/limits.md")
    return Finding(
        what="system",
        state="bad",
        found=f"there is no sandbox for {sys.platform}",
        fix="use Linux, in WSL 2 on Windows",
    )


def _accelerators() -> Finding:
    """By name, as CUDA_VISIBLE_DEVICES may name them."""
    try:
        _, gpus = this_machine()
    except UsageFault as fault:
        return _bad("accelerators", fault)
    if not gpus:
        return Finding(what="accelerators", state="ok", found="none")
    names = listed(gpus)
    if any(gpu.vendor != "nvidia" for gpu in gpus):
        names += "; autoresearch has not been tried on one of these yet"
    return Finding(what="accelerators", state="ok", found=names)


def _gpus() -> tuple[Device, ...]:
    """The accelerators; a wrong environment variable has a finding of its own."""
    try:
        return this_machine()[1]
    except UsageFault:
        return ()


def _git() -> Finding:
    git = shutil.which("git")
    if git is None:
        return Finding(what="git", state="bad", found="not found", fix="install git")
    run = subprocess.run([git, "--version"], capture_output=True, text=True, check=False)
    output = run.stdout.strip()
    version = tuple(int(number) for number in re.findall(r"\d+", output)[:2])
    if version < OLDEST_GIT:
        return Finding(
            what="git",
            state="bad",
            found=output or "does not say its version",
            fix="install git 2.31 or newer",
        )
    return Finding(what="git", state="ok", found=output)


def _interpreter() -> Finding:
    """The Python of the trainings of the project here; where there is none, the harness's own."""
    what = "python of trainings"
    try:
        return Finding(what=what, state="ok", found=_interpreter_here().label)
    except ProjectFault as fault:
        return _bad(what, fault)


def _interpreter_here() -> Interpreter:
    from agent.cli.build import place_around

    try:
        place = place_around(Path.cwd())
    except Fault:
        return own_interpreter()
    return interpreter_of(place.project, place.settings)


def _brings_its_own() -> bool:
    """Return whether the project here has a Python of its own for its trainings."""
    try:
        return _interpreter_here().is_own
    except ProjectFault:
        return True


def _torch() -> Finding:
    probe = "import torch; print(torch.__version__, 'cuda' if torch.cuda.is_available() else 'cpu')"
    command = [sys.executable, "-I", "-c", probe]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode and _brings_its_own():
        finding = "not installed for autoresearch; the project here has an environment of its own"
        return Finding(what="torch", state="note", found=finding)
    if run.returncode:
        return Finding(
            what="torch",
            state="bad",
            found="cannot be imported",
            fix='pip install "autoresearch[workspace]"',
        )
    return Finding(what="torch", state="ok", found=run.stdout.strip())


def _keys() -> list[Finding]:
    return [_key(name) for name in KEYS]


def _key(name: str) -> Finding:
    if os.environ.get(name):
        return Finding(what=name, state="ok", found="set")
    try:
        in_keyring = name.endswith("_API_KEY") and key_of(name, os.environ)
    except ModelFault as fault:
        return Finding(what=name, state="note", found=fault.message, fix=fault.next_command or "")
    if in_keyring:
        return Finding(what=name, state="ok", found="in the keyring")
    return Finding(what=name, state="note", found="not set")


def _isolation() -> tuple[Finding, Chosen | None, tuple[CanaryReport, ...]]:
    """The finding, the sandbox that a training would get, and what the canary reported."""
    try:
        imports = ("torch",) if find_spec("torch") else ()
        chosen = choose_runner(
            imports=imports, gpus=for_one_process(_gpus()), place=_proof_folder()
        )
    except SandboxFault as fault:
        return _bad("isolation", fault), None, ()
    finding = Finding(what="isolation", state="ok", found=f"tier {chosen.tier}")
    return finding, chosen, chosen.reports


def _bad(what: str, fault: Fault) -> Finding:
    return Finding(what=what, state="bad", found=fault.message, fix=fault.next_command or "")


def _proof_folder() -> Path | None:
    """Where the trials of the project here would run; None where there is no project."""
    from agent.cli.build import place_around, proof_folder

    try:
        return proof_folder(place_around(Path.cwd()).project)
    except Fault:
        return None


def _attacks(chosen: Chosen, show: bool) -> tuple[Attacked, ...]:
    """Every attack of the hostile suite; each takes a second, so stderr counts them."""
    from sandbox.proof.hostile import ROWS, attack

    attacks = []
    for attacked in attack(chosen.runner, sys.executable):
        attacks.append(attacked)
        if show:
            typer.echo(f"\rattack {attacked.number} of {len(ROWS)} …", err=True, nl=False)
    if show:
        typer.echo("\r" + " " * 24 + "\r", err=True, nl=False)
    return tuple(attacks)


# ---------------------------------------------------------------- how it is shown


def _print_json(**parts: Sequence[Record]) -> None:
    plain = {}
    for name, records in parts.items():
        plain[name] = [record.model_dump() for record in records]
    typer.echo(json.dumps(plain, indent=2))


def _print(
    findings: list[Finding],
    promised: tuple[Guarantee, ...],
    reports: tuple[CanaryReport, ...],
    attacks: tuple[Attacked, ...],
) -> None:
    console = open_console()
    table = FoldingTable(("", "what", "found", "to improve"))
    marks = {"ok": Text("ok", "green"), "note": Text("-", "dim"), "bad": Text("BAD", "bold red")}
    for finding in findings:
        table.add_row(marks[finding.state], finding.what, Text(finding.found), Text(finding.fix))
    console.print(table)
    if promised:
        console.print(Text("\nwhat is guaranteed here", "bold"))
        console.print(_promises(promised))
    for report in reports:
        outcome = "proven" if report.ok else f"not trusted: {report.reason}"
        console.print(Text(f"\ntier {report.tier} ({report.back_end}): {outcome}", "bold"))
        if report.answers:
            console.print(_answers(report))
    if attacks:
        console.print(Text("\nthe hostile suite", "bold"))
        console.print(_attacked(attacks))


def _promises(promised: tuple[Guarantee, ...]) -> FoldingTable:
    table = FoldingTable(("", "promise", "how", "to improve"))
    marks = {
        "yes": Text("yes", "green"),
        "partly": Text("partly", "yellow"),
        "no": Text("no", "yellow"),
    }
    for promise in promised:
        table.add_row(marks[promise.held], promise.what, Text(promise.how), Text(promise.fix))
    return table


def _attacked(attacks: tuple[Attacked, ...]) -> FoldingTable:
    table = FoldingTable(("", "#", "a train.py that", "must end", "what happened"))
    styles = {"held": "green", "stated": "yellow", "absent": "dim", "broken": "bold red"}
    for attack in attacks:
        state = attack.state.upper() if attack.state == "broken" else attack.state
        table.add_row(
            Text(state, styles[attack.state]),
            str(attack.number),
            Text(attack.does),
            Text(attack.must),
            Text(attack.happened),
        )
    return table


def _answers(report: CanaryReport) -> FoldingTable:
    table = FoldingTable(("", "a run tried to", "must it work?", "what happened"))
    for check, expected, answer in report.answers:
        mark = Text("BAD", "bold red")
        if answer.split()[0] == expected:
            mark = Text("ok", "green")
        elif check in report.lacks:
            mark = Text("stated", "yellow")
        table.add_row(mark, Text(check), Text(expected), Text(answer))
    return table
