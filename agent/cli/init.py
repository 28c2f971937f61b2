"""The command `init`."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_presets


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
) -> None:
    """Write a research project to begin with.

    It holds a train.py to improve, the prepare.py that supplies its data, and a program.md for
    you to edit.
    """
    from agent.cli.scaffold import scaffold

    for line in scaffold(folder, preset):
        typer.echo(line)
