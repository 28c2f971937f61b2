"""The command `init`."""

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_presets
from agent.errors import UsageFault


@app.command(epilog=epilog("autoresearch init my-research --preset gpu"))
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to put workspace/ and program.md.")
    ] = Path(),
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Constants for one kind of machine: cpu, gpu or h100.",
            autocompletion=complete_presets,
        ),
    ] = "cpu",
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Write a preset for accelerators on a machine that has none."
        ),
    ] = False,
) -> None:
    """Write a research project to begin with.

    It holds a train.py to improve, the prepare.py that supplies its data, and a program.md for
    you to edit.
    """
    from agent.cli.scaffold import scaffold

    if not anyway:
        _refuse_in_vain(folder, preset)
    for line in scaffold(folder, preset):
        typer.echo(line)


def _refuse_in_vain(folder: Path, preset: str) -> None:
    """Return where the preset fits this machine, or the user wants it all the same.

    Raise UsageFault where nobody is there to ask.
    """
    from agent.evaluate.slots import this_machine
    from agent.project.presets import NEED_ACCELERATOR

    if preset not in NEED_ACCELERATOR or this_machine()[1]:
        return
    message = (
        f"This machine has no accelerator, and the preset {preset} is made for one: on a CPU a "
        "trial takes hours, and `start` first downloads gigabytes."
    )
    where = "" if folder == Path() else f" {quote(str(folder))}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault(message, f"autoresearch init{where} --preset {preset} --anyway")
    typer.echo(message, err=True)
    if not typer.confirm("Write it all the same?", default=False, err=True):
        raise UsageFault("Nothing was written.", f"autoresearch init{where} --preset cpu")
