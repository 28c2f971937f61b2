"""Arguments and options that only `init` has."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import complete_presets

FolderArgument = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="The project's folder; made if it is not there.")
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
    typer.Option(metavar="PATH", help="The training script. Default: the likeliest one."),
]
CommandOption = Annotated[
    str | None,
    typer.Option(metavar="COMMAND", help='The command of a training: "python fit.py --epochs 3".'),
]
FilesOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Files that edits may change; may be repeated."),
]
ReadOnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read-only",
        metavar="PATH",
        help="What the training may read besides the files in git, such as data; may be repeated.",
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
        metavar="PATH",
        help="Files that only the evaluator may read; may be repeated. Default: its data.",
    ),
]
OutputsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="Files that a training writes for the evaluator; may be repeated. Default: those "
        "that it reads.",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The interpreter of the trainings: .venv/bin/python."),
]
RepeatsOption = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, max=100, help="Trainings under further seeds, to measure the noise."
    ),
]
NoRunOption = Annotated[bool, typer.Option("--no-run", help="Only read the source; run nothing.")]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Accept every proposed answer without asking.")
]
