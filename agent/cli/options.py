"""Arguments and options that several commands share, each defined once."""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.completion import (
    complete_method,
    complete_models,
    complete_runs,
    complete_trackers,
    complete_trials,
)
from agent.llm.effort import EFFORTS
from agent.project.resolve import (
    DEFAULT_MAX_COST,
    DEFAULT_WORKERS,
    DEFAULT_WRITERS,
    WITH_MODEL,
    WITHOUT_MODEL,
)
from agent.project.staffing import AUTO_WRITERS, MAX_WRITERS

# ---------------------------------------------------------------- which run, which trial

Branch = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: the one checked out here, else the "
        "active one, else the newest.",
        autocompletion=complete_runs,
    ),
]
RunIfNamed = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: none, but the last commit here.",
        autocompletion=complete_runs,
    ),
]
OfBranch = Annotated[
    str | None,
    typer.Option(
        "--branch",
        "-b",
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: the one checked out here, else the "
        "active one, else the newest.",
        autocompletion=complete_runs,
    ),
]
WorkOn = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: the one checked out here, else the "
        "newest.",
        autocompletion=complete_runs,
    ),
]
WorkOnBranch = Annotated[
    str | None,
    typer.Option(
        "--branch",
        "-b",
        metavar="RUN",
        help="Which run: TAG or autoresearch/TAG. Default: the one checked out here, else the "
        "newest.",
        autocompletion=complete_runs,
    ),
]
Number = Annotated[
    int,
    typer.Argument(
        min=0,
        max=999_999_999,
        metavar="N",
        help="The trial's number, as in the log.",
        autocompletion=complete_trials,
    ),
]

LeaveBranch = Annotated[
    bool,
    typer.Option(
        "--leave-branch",
        help="If the run's branch is checked out here, detach this checkout from it without "
        "asking: the run moves the branch, and your files stay as they are.",
    ),
]

# ---------------------------------------------------------------- what comes out

Json = Annotated[bool, typer.Option("--json", help="Print JSON, in a stable format.")]

AlsoColumns = Annotated[
    bool, typer.Option("--also", help="Add a column for each guarded and each further metric.")
]
Pareto = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Draw two metrics against each other, and list the trials that no other one beats in "
        "both: val_acc,params_m. A:min or A:max says which way A is better.",
    ),
]

JsonEvents = Annotated[
    bool,
    typer.Option("--json", help="Print each event as one line of JSON, for programs that listen."),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Show what a start would do (options, search space, the first question to a model, "
        "hours and dollars; with --on its batch file or its places), and start nothing.",
    ),
]

Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Answer the questions here, then go on in the background: the terminal may be closed.",
    ),
]

# ---------------------------------------------------------------- who proposes

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="opus, sonnet, gpt, local, a full model name, claude-code, codex, replay:BRANCH, "
        "scripted:FILE or none; see `autoresearch models`. Default: Claude, GPT or a local server, "
        "whichever has a key or an address in the environment, else none.",
        autocompletion=complete_models,
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD",
        help=f"How trials are proposed; see `autoresearch methods`, or MODULE:NAME, code "
        f"of yours that is installed. Default: {WITH_MODEL} with a model, {WITHOUT_MODEL} without.",
        autocompletion=complete_method,
    ),
]
MethodOfRun = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="METHOD",
        help="Needed only if the run was started with --method MODULE:NAME.",
    ),
]
Tag = Annotated[
    str | None,
    typer.Option(
        metavar="TAG",
        help="Name of the run; its branch is autoresearch/TAG. Default: today's date.",
    ),
]

# ---------------------------------------------------------------- bounds and limits

BudgetOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME|STEPS",
        help="Budget of a training that keeps to AUTORESEARCH_BUDGET: 5m, 20s or 200steps. "
        "Default: 5m, or TIME_BUDGET in a prepare.py of karpathy/autoresearch's layout. Steps "
        "promise less: the harness limits their time by the baseline's and does not count them.",
    ),
]
LimitOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME|FACTOR",
        help="How long a training may take that ends by itself: 1.1x, of the baseline's time, or "
        "90s. Default: 1.1x where nothing reads AUTORESEARCH_BUDGET, or the baseline leaves most "
        "of its budget unused.",
    ),
]
Trials = Annotated[
    int | None, typer.Option(metavar="N", help="Stop after this many measured trials of a session.")
]
Hours = Annotated[
    float | None, typer.Option(metavar="HOURS", help="Stop after this many hours of a session.")
]
MaxCost = Annotated[
    str | None,
    typer.Option(
        metavar="DOLLARS|none",
        help="Stop when the run, earlier sessions included, has spent this much. 0 allows only "
        "models that are always free; none lifts the bound. Default: "
        f"{DEFAULT_MAX_COST:g} for a new run with a model that is paid, and for a resumed run "
        "the bound of its start.",
    ),
]
StartWorkers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Trials trained at once, each on its own GPU or share of the cores. "
        f"Default: {DEFAULT_WORKERS}; on a cluster one on each GPU, or node without one.",
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Where trials run: local, ray (the cluster that this machine belongs to, else one of "
        "this machine alone), ray://HEAD:10001, or slurm, for an allocation of its own. Default: "
        "local.",
    ),
]
OnCluster = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="WHERE",
        help="Where it trains: local, ray (the cluster that this machine belongs to, else one of "
        "this machine alone), or ray://HEAD:10001. One slot measures everything. Default: local.",
    ),
]
Writers = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto",
        help=f"Drafts that the model writes at once, 1 to {MAX_WRITERS}, each with another "
        f"assignment; auto for slots x answer time / trial time + 1, {AUTO_WRITERS} at most. For "
        "the methods code and hybrid. 0, with any method: it is not asked, and the run waits for "
        f"`autoresearch try` and for agents. Default: {DEFAULT_WRITERS}; for a resumed run as at "
        "the start.",
    ),
]
Fill = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD|none",
        help="Search method that proposes for a slot which would wait for the model; none lets it "
        f"wait. Default: {WITHOUT_MODEL}; for a resumed run as at the start.",
        autocompletion=complete_method,
    ),
]
Effort = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL",
        help=f"How hard the model thinks: {', '.join(EFFORTS)}. More effort makes longer answers. "
        "Default: its own choice; for a resumed run as at the start.",
    ),
]
PythonOfRun = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="The interpreter of the trainings, where that of the start is gone or has changed. "
        "Default: as at the start.",
    ),
]
ResumeWorkers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Trials trained at once. Default: as at the start; on a cluster one on each GPU, or "
        "node without one.",
    ),
]


class Direction(StrEnum):
    """Which way a metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Governs(StrEnum):
    """Whose autoresearch.toml counts for a run that begins at another one's state."""

    CHECKOUT = "checkout"
    RUN = "run"


Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the run prints and is judged by, such as val_acc. Default: what program.md or "
        "autoresearch.toml says, else val_bpb.",
    ),
]
BetterWhen = Annotated[
    Direction | None,
    typer.Option(
        "--direction",
        help="Which way the metric is better. Default: what program.md or autoresearch.toml says, "
        "else minimize.",
    ),
]
FoundMetric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What the run prints and is judged by, such as val_acc. Default: asked; with --yes "
        "the likeliest number that it prints.",
    ),
]
FoundDirection = Annotated[
    Direction | None,
    typer.Option(
        "--direction",
        help="Which way the metric is better. Default: by its name if that says it, else asked.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory of a trial: 8GiB. Default: 80 % of the machine's memory, split among the "
        "workers.",
    ),
]
Vram = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="GPU memory of a trial: 8GiB. Default: no limit."),
]
Disk = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="What a trial may write, its weights included. Default: 2GiB."
    ),
]
Output = Annotated[
    str | None, typer.Option(metavar="SIZE", help="What a trial may print. Default: 256MiB.")
]

# ---------------------------------------------------------------- who else hears of it

TrackerNames = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        metavar="KIND[:WHERE]",
        help="Also log results to TensorBoard, MLflow or W&B: tensorboard:DIR, mlflow:URI or "
        "wandb:PROJECT. May be repeated.",
        autocompletion=complete_trackers,
    ),
]
NotifyCommand = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="COMMAND",
        help="Run this command at a keep, a plateau, a hold, an error, the end, when the model is "
        "away, and once three quarters of the money are spent; $AUTORESEARCH_TEXT holds the "
        "message. For mail and chats see `autoresearch notify`. `none` tells nobody.",
    ),
]

# ---------------------------------------------------------------- trust

Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Agree to everything that reaches outside the project. Without it, a terminal shows "
        "the list and asks once.",
    ),
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe-no-sandbox",
        help="Run generated code without a sandbox, with your rights. Every record says so.",
    ),
]


class Verdict(StrEnum):
    """How verdicts are reached: the names of agent.judge.decide.VerdictRule."""

    SEQUENTIAL = "sequential"
    GREEDY = "greedy"


class Prune(StrEnum):
    """Which trainings are pruned: the names of agent.judge.pruning.PruneRule."""

    OFF = "off"
    MEDIAN = "median"
