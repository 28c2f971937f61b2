"""Options that only `start` has."""

from typing import Annotated

import typer

from agent.cli.completion import complete_runs, complete_states
from agent.cli.options import (
    Governs,
    Prune,
    Verdict,
)
from agent.judge.decide import LEAST_FALSE_KEEPS
from agent.project.resolve import DEFAULT_REPEATS, DEFAULT_SEED
from agent.project.settings import MAX_FALSE_KEEPS

SeedOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help=f"Seed of the search and of each trial's first training. Default: {DEFAULT_SEED}.",
    ),
]
BaselineRepeatsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help=f"Trainings of the baseline, each under another seed. Default: {DEFAULT_REPEATS}.",
    ),
]
VerdictOption = Annotated[
    Verdict | None,
    typer.Option(
        help="sequential repeats a promising trial until its gain is significant or ruled out; "
        "greedy keeps whatever scores better once. Default: sequential."
    ),
]
FalseKeepsOption = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Error budget: false keeps tolerated per 100 no-op trials, "
        f"{LEAST_FALSE_KEEPS} to {MAX_FALSE_KEEPS}. Default: {LEAST_FALSE_KEEPS}.",
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RUN#N",
        help="Begin at the state of trial N of a run, kept or not, instead of this folder's "
        "last commit; RUN alone is its newest state.",
        autocompletion=complete_states,
    ),
]
GovernsOption = Annotated[
    Governs | None,
    typer.Option(
        "--settings",
        help="With --from: whose autoresearch.toml counts, this folder's (checkout) or that of "
        "the state (run). Default: this folder's if it differs; `start` then says so.",
    ),
]
WarmOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN|FILE",
        help="Prior trials: those of another run here, or of an Optuna SQLite file "
        "(FILE#STUDY), JSON, JSON lines, tsv or csv. The method learns from them; they do not "
        "count as trials of this run.",
        autocompletion=complete_runs,
    ),
]
NotesOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="Begin with the notes that the model wrote in another run here.",
        autocompletion=complete_runs,
    ),
]
PruneOption = Annotated[
    Prune | None,
    typer.Option(
        help="median stops a training whose loss is far above the median of earlier ones. "
        "Default: off."
    ),
]
LookOption = Annotated[
    bool | None,
    typer.Option(
        "--look/--no-look",
        help="Whether a model may look at files, trials and logs, and run probes, before it "
        "proposes; its bounds are in the table [look] of autoresearch.toml. Default: --look.",
    ),
]
