"""The command `start`."""

from agent.cli import app, epilog
from agent.cli.options import (
    BetterWhen,
    BudgetOption,
    Detach,
    Disk,
    DryRun,
    Effort,
    Fill,
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
    StartWorkers,
    Tag,
    TrackerNames,
    Trials,
    Trust,
    Unsafe,
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
from agent.cli.start_options import (
    BaselineRepeatsOption,
    FalseKeepsOption,
    GovernsOption,
    LookOption,
    NotesOption,
    PruneOption,
    SeedOption,
    SourceOption,
    VerdictOption,
    WarmOption,
)
from agent.project.flags import read_flags


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
    seed: SeedOption = None,
    baseline_repeats: BaselineRepeatsOption = None,
    verdict: VerdictOption = None,
    false_keeps: FalseKeepsOption = None,
    source: SourceOption = None,
    governs: GovernsOption = None,
    warm: WarmOption = None,
    notes: NotesOption = None,
    prune: PruneOption = None,
    look: LookOption = None,
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
    from agent.cli.starting import Typed, start_run

    typed = Typed(tag, source, governs, warm, notes, manner)
    if dry_run:
        from agent.cli.dry_run import show_plan

        show_plan(flags, typed)
        return
    start_run(flags, typed)
