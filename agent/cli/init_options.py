"""Arguments and options that only `init` has."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import complete_presets

FolderArgument = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Where the project is, or is to be.")
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write the bundled research, with constants for one kind of machine: cpu, gpu or "
        "h100. Default in a folder without a training: cpu.",
        autocompletion=complete_presets,
    ),
]
AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="Write a preset for accelerators on a machine that has none."),
]
ScriptOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The training, where it is not the likeliest."),
]
CommandOption = Annotated[
    str | None,
    typer.Option(metavar="COMMAND", help='What is run: "python fit.py --epochs 3".'),
]
FilesOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="What an edit may touch; may be repeated."),
]
ReadOnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read-only",
        metavar="PATH",
        help="What the training may read besides what git has, such as data; may be repeated.",
    ),
]
EvaluateOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help='What computes the score where no run reaches it: "python evaluate.py"; none for '
        "the number that the run prints. Default: the script that evidently does.",
    ),
]
HiddenOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH", help="What only the evaluator sees; may be repeated. Default: its data."
    ),
]
OutputsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="What a run leaves for the evaluator; may be repeated. Default: what it reads.",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The interpreter of the trainings: .venv/bin/python."),
]
RepeatsOption = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, max=100, help="Trainings under other seeds, to see the noise."
    ),
]
NoRunOption = Annotated[bool, typer.Option("--no-run", help="Only read the source; run nothing.")]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Take what is proposed, and ask nothing.")
]
