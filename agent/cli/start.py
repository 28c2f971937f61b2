"""The command `start`."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
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
    OnSlurm,
    Partition,
    Qos,
    Time,
)
from agent.judge.decide import LEAST_FALSE_KEEPS
from agent.project.flags import Flags, read_flags
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
    if dry_run:
        from agent.cli.dry_run import show_plan

        show_plan(flags, source, governs, warm, unsafe, as_json)
        return
    typed = Typed(
        tag=tag,
        source=source,
        governs=governs,
        warm=warm,
        notes=notes,
        tracker=tuple(tracker or ()),
        notify=notify,
        trust=trust,
        unsafe=unsafe,
        detach=detach,
        as_json=as_json,
        on=on,
        slurm=OnSlurm(partition, account, qos, constraint, gpus, cpus, time, driver),
    )
    _start(flags, typed)


@dataclass(frozen=True)
class Typed:
    """What is typed at a start besides the run's options; the fields are options of `start`."""

    tag: str | None
    source: str | None
    """`--from`."""
    governs: str | None
    """`--settings`."""
    warm: str | None
    notes: str | None
    tracker: tuple[str, ...]
    notify: str | None
    trust: bool
    unsafe: bool
    detach: bool
    as_json: bool
    on: str | None
    slurm: OnSlurm


def _start(flags: Flags, typed: Typed) -> None:
    from agent.cli.build import (
        Kit,
        elsewhere_of,
        prepared,
        proven_for,
        refuse_foreign_encodings,
        slots_for,
    )
    from agent.cli.carried_notes import carry, notes_from
    from agent.cli.choices import Asked, build_proposer, build_staff
    from agent.cli.consent import Consent
    from agent.cli.detach import go_on, renew, words_of
    from agent.cli.news import News
    from agent.cli.origin import find_origin
    from agent.cli.overview import Chosen, say_overview, say_warnings
    from agent.cli.reach import agree_to_start, remember_run
    from agent.cli.run_log import RunLog
    from agent.cli.session import bounds_of, outliving, trackers_of, work
    from agent.cli.slurm import place_of_trials, send_inside
    from agent.cli.warm import name_of, warm_start
    from agent.display.waiting import waiting
    from agent.evaluate.engines import read_where
    from agent.history.history import History
    from agent.history.runs import next_tag, text_at
    from agent.history.sources import refuse_idle_globs, sources_in
    from agent.project.names import refuse_unknown_names
    from agent.project.objective import recorded
    from agent.project.run_python import recorded_python
    from agent.propose import find_method
    from agent.run.bounds import Renewal

    where = read_where(typed.on)
    origin = find_origin(Path.cwd(), flags, typed.source, typed.governs)
    place = origin.place
    project = place.project
    cancel = threading.Event()
    consent = Consent(project, typed.trust)
    tag = typed.tag or next_tag(project)
    log = RunLog(project, tag)
    with outliving(log):
        options = origin.options(flags)
        typed.slurm.check(where, options.hours.value, options.workers.value)
        objective = origin.objective
        agree_to_start(project, place.settings, consent, options, typed.tracker)
        carried = notes_from(typed.notes, project, consent) if typed.notes else ()
        head = origin.settle()
        sources = sources_in(project, head)
        refuse_foreign_encodings(project, sources)
        refuse_idle_globs(project, sources)
        states = (sources, *(sources_in(project, commit) for commit in origin.before))
        refuse_unknown_names(project, place.settings, origin.front_matter, states)
        slots = slots_for(where, options.workers.value)
        chosen = find_method(options.method.value, typed=True)
        news = News()
        staff = build_staff(chosen, options.model.value, options)
        asked = Asked(options.model.value, options.effort.value)
        proposer = build_proposer(chosen, asked, project, tag, cancel, news)
        prior = (
            warm_start(typed.warm, place, head, objective, err=typed.as_json) if typed.warm else ()
        )
        trackers = trackers_of(project, tag, typed.tracker, typed.notify)
        sandbox = proven_for(where, typed.unsafe, sources.code, place, slots)
        prepare = text_at(project, head, project.prepare) if project.prepare else ""
        seen = Chosen(place, options, slots, sandbox.tier, sources, prepare, objective, origin.rows)
        away = "" if where.is_local else str(where)
        say_overview(replace(seen, told=trackers.names, where=away), err=typed.as_json)
        say_warnings(project, head, err=typed.as_json)
        with prepared(place, head, sandbox, consent) as data:
            run = options.record(
                tag=tag,
                start_commit=head,
                score=project.score,
                data_fingerprint=data.fingerprint if data else None,
                warm=name_of(typed.warm) if typed.warm else None,
                objective=recorded(objective),
                parent=origin.parent,
                interpreter=recorded_python(project, place.settings),
            )
            with waiting("git to check out the run's branch"):
                history = History.create(project, run, prior)
            again: Renewal | None = None
            goes_inside = typed.slurm.goes_inside(where)
            with history:
                remember_run(consent, history)
                carry(history, carried, typed.notes or "")
                if not typed.detach and not goes_inside:
                    with place_of_trials(where, typed.slurm, options, project, log) as there:
                        elsewhere = elsewhere_of(there, flags.workers, typed.unsafe, sources.code)
                        kit = Kit(place.settings, slots, sandbox, data, options.caps, elsewhere)
                        again = work(
                            history,
                            kit,
                            proposer,
                            bounds_of(options),
                            cancel,
                            log,
                            trackers,
                            as_json=typed.as_json,
                            news=news,
                            staff=staff,
                        )
        words = words_of(
            tracker=typed.tracker,
            notify=typed.notify,
            trust=typed.trust,
            unsafe_no_sandbox=typed.unsafe,
            on=typed.on,
            **typed.slurm.flags,
            method=flags.method if flags.method and ":" in flags.method else None,
        )
        if goes_inside:
            request = typed.slurm.request(where, options.hours.value, options.workers.value)
            send_inside(request, project, log, words, typed.as_json)
        elif typed.detach:
            go_on(log, words, typed.as_json)
        elif again is not None:
            renew(log, again, [*words, *words_of(json=typed.as_json)])
