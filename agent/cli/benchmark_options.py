"""Options of `bench`."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import complete_methods, complete_models, complete_tasks

MethodsOption = Annotated[
    str,
    typer.Option(
        metavar="NAME,...",
        help="Comma-separated: any of `autoresearch methods`, optuna-tpe, optuna-random.",
        autocompletion=complete_methods,
    ),
]
TasksOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Comma-separated, see --list. Default: valley,scaling,rugged; none with --past.",
        autocompletion=complete_tasks,
    ),
]
PastOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Past trials as a task: SQLite of optuna, JSON, JSONL, TSV or CSV. May be repeated.",
    ),
]
TrialsOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Trials of each run, besides its baseline.")
]
SeedsOption = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Seeds of each task. Of a synthetic task each seed is another function.",
    ),
]
FirstSeedOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="The first seed. The methods' settings were chosen on seeds below 100.",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Runs at the same time, each on its share of the cores."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="For methods that need one, as in `autoresearch start`.",
        autocompletion=complete_models,
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The file of results; an existing one is resumed and added to.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write a Markdown page, with its figures as SVG beside it."),
]
AsJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]
ListingOption = Annotated[
    bool, typer.Option("--list", help="List the tasks and methods, and do nothing.")
]
