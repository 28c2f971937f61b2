"""The command `start`."""

from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs, complete_states
from agent.cli.options import (
    BetterWhen,
    BudgetOption,
    Detach,
    Disk,
    DryRun,
    Effort,
    Fill,
    Governs,
    Hours,
    JsonEvents,
    LimitOption,
    MaxCost,
    Memory,
    Method,
    Metric,
    Model,
    NotifyCommand,
    On,
    Output,
    Prune,
    StartWorkers,
    Tag,
    TrackerNames,
    Trials,
    Trust,
    Unsafe,
    Verdict,
    Vram,
    Writers,
)
from agent.cli.slurm_options import (
    Account,
    Constraint,
    Cpus,
    Driver,
    Gpus,
    Mem,
    OnSlurm,
    Partition,
    Qos,
    Time,
)
from agent.judge.decide import LEAST_FALSE_KEEPS
from agent.project.flags import read_flags
from agent.project.resolve import DEFAULT_REPEATS, DEFAULT_SEED
from agent.project.settings import MAX_FALSE_KEEPS


@app.command(
    epilog=epilog(
        "autoresearch start --model opus --budget 5m --hours 8",
        "autoresearch start --from nov24#7 --warm nov24",
    )
)
def start(
    model: Model = None,
    method: Method = None,
    budget: BudgetOption = None,
    limit: LimitOption = None,
    trials: Trials = None,
    hours: Hours = None,
    max_cost: MaxCost = None,
    workers: StartWorkers = None,
    on: On = None,
    partition: Partition = None,
    gpus: Gpus = None,
    account: Account = None,
    qos: Qos = None,
    constraint: Constraint = None,
    cpus: Cpus = None,
    mem: Mem = None,
    time: Time = None,
    driver: Driver = "outside",
    writers: Writers = None,
    fill: Fill = None,
    effort: Effort = None,
    tag: Tag = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Seed of the search and of each trial's first training. Default: {DEFAULT_SEED}.",
        ),
    ] = None,
    baseline_repeats: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Trainings of the baseline, each under another seed. Default: {DEFAULT_REPEATS}.",
        ),
    ] = None,
    verdict: Annotated[
        Verdict | None,
        typer.Option(
            help="sequential repeats a promising trial until it is told from noise; greedy keeps "
            "whatever scores better once. Default: sequential."
        ),
    ] = None,
    false_keeps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Error budget: false keeps tolerated per 100 no-op trials, "
            f"{LEAST_FALSE_KEEPS} to {MAX_FALSE_KEEPS}. Default: {LEAST_FALSE_KEEPS}.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN#N",
            help="Begin at the state of trial N of a run, kept or not, instead of this folder's "
            "last commit; RUN alone is its newest state.",
            autocompletion=complete_states,
        ),
    ] = None,
    governs: Annotated[
        Governs | None,
        typer.Option(
            "--settings",
            help="With --from: whose autoresearch.toml counts, this folder's (checkout) or that of "
            "the state (run). Default: this folder's where it differs, which is said.",
        ),
    ] = None,
    warm: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|FILE",
            help="Prior trials: those of another run here, or of an Optuna SQLite file "
            "(FILE#STUDY), JSON, JSON lines, tsv or csv. The method learns from them; they do not "
            "count as trials of this run.",
            autocompletion=complete_runs,
        ),
    ] = None,
    notes: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Begin with the notes that the model wrote in another run here.",
            autocompletion=complete_runs,
        ),
    ] = None,
    prune: Annotated[
        Prune | None,
        typer.Option(
            help="median stops a training whose loss is far above the median of earlier ones. "
            "Default: off."
        ),
    ] = None,
    look: Annotated[
        bool | None,
        typer.Option(
            "--look/--no-look",
            help="Whether a model may look at files, trials and logs, and run probes, before it "
            "proposes; its bounds are in the table [look] of autoresearch.toml. Default: --look.",
        ),
    ] = None,
    metric: Metric = None,
    direction: BetterWhen = None,
    memory: Memory = None,
    vram: Vram = None,
    disk: Disk = None,
    output: Output = None,
    tracker: TrackerNames = None,
    notify: NotifyCommand = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
    detach: Detach = False,
    dry_run: DryRun = False,
    as_json: JsonEvents = False,
) -> None:
    """Start a run, on a branch of its own.

    It works on the train.py of this folder's last commit; your checkout stays as it is. It first
    says what it chose, why, and what changes each. Press
    Ctrl-C once to finish the trials in training, twice to stop at once; `autoresearch resume`
    continues either way. Closing the terminal stops nothing: `autoresearch status --watch` shows
    the run again, and `autoresearch stop` ends it. Options left out come from the front matter of
    program.md, then from autoresearch.toml.

    With --from it works on a state of another run instead, with that state's program.md and a
    baseline of its own. `autoresearch adopt` later brings what it kept to the other run.
    """
    from agent.cli.working import manner_of

    flags = read_flags(
        "start",
        model=model,
        method=method,
        budget=budget,
        limit=limit,
        trials=trials,
        hours=hours,
        max_cost=max_cost,
        workers=workers,
        writers=writers,
        fill=fill,
        effort=effort,
        seed=seed,
        baseline_repeats=baseline_repeats,
        verdict=verdict.value if verdict else None,
        false_keeps=false_keeps,
        prune=prune.value if prune else None,
        look=look,
        metric=metric,
        direction=direction.value if direction else None,
        memory=memory,
        vram=vram,
        disk=disk,
        output=output,
    )
    manner = manner_of(
        on,
        OnSlurm(partition, account, qos, constraint, gpus, cpus, mem, time, driver),
        flags.workers,
        tracker,
        notify,
        trust=trust,
        unsafe=unsafe,
        detach=detach,
        as_json=as_json,
    )
    if dry_run:
        from agent.cli.dry_run import show_plan

        show_plan(flags, source, governs, warm, tag, manner)
        return
    from agent.cli.starting import Typed, start_run

    start_run(flags, Typed(tag, source, governs, warm, notes, manner))
