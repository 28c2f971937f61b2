"""The command `bench`: compares search methods on tasks, resumable and in parallel."""

import json
from pathlib import Path

import typer

from agent.cli import app, epilog
from agent.cli.benchmark_options import (
    AsJsonOption,
    FirstSeedOption,
    ListingOption,
    MethodsOption,
    ModelOption,
    OutputOption,
    PastOption,
    ReportOption,
    SeedsOption,
    TasksOption,
    TrialsOption,
    WorkersOption,
)
from agent.errors import UsageFault
from agent.git.repository import writable

OUTPUT = Path("bench.jsonl")


@app.command(
    epilog=epilog(
        "autoresearch bench --methods random,tpe,trust,optuna-tpe --tasks valley,rugged --seeds 10",
        "autoresearch bench --past study.db --report docs/bench.md",
    )
)
def bench(
    methods: MethodsOption = ("random,tpe,cmaes,trust,optuna-tpe"),
    tasks: TasksOption = None,
    past: PastOption = None,
    trials: TrialsOption = 100,
    seeds: SeedsOption = 10,
    first_seed: FirstSeedOption = 100,
    workers: WorkersOption = 1,
    model: ModelOption = None,
    output: OutputOption = OUTPUT,
    report: ReportOption = None,
    as_json: AsJsonOption = False,
    listing: ListingOption = False,
) -> None:
    """Compare search methods on tasks, under the same seeds.

    Every trial is kept in one file. If it is killed, the same command resumes. Another command
    adds to the file, and the tables show all that it holds.
    """
    if listing:
        _list()
        return
    from agent.benchmark.benchmark import Plan
    from agent.benchmark.methods import check_methods
    from agent.benchmark.results import Results
    from agent.benchmark.tables import plain_data
    from agent.benchmark.tasks import DEFAULT, open_task
    from agent.cli.scoreboard import run_with_progress, show

    chosen = _words(methods, "--methods")
    check_methods(chosen, model)
    names = [f"trials:{path}" for path in past or ()]
    if tasks:
        names = [*_words(tasks, "--tasks"), *names]
    opened = {name: open_task(name) for name in names or DEFAULT}
    every_seed = tuple(range(first_seed, first_seed + seeds))
    plan = Plan(opened, chosen, every_seed, trials, workers, model)
    with Results.open(writable(output)) as results:
        results.note(plan.command(output))
        run_with_progress(plan, results)
    if report:
        from agent.benchmark.report import write_report

        for path in write_report(report, results):
            typer.echo(f"wrote {path}", err=True)
    if as_json:
        typer.echo(json.dumps(plain_data(results), indent=2))
    else:
        show(results)


def _words(text: str, option: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UsageFault(f"{option} names nothing", "autoresearch bench --list")
    return words


def _list() -> None:
    from agent.benchmark.methods import REFERENCES, UNSUPPORTED
    from agent.benchmark.tasks import TASKS
    from agent.propose import METHODS

    for name, row in TASKS.items():
        shown = f"{name}:{row.argument}" if row.argument else name
        typer.echo(f"{shown:<18}{row.about}")
    supported = [name for name in METHODS if name not in UNSUPPORTED]
    groups = {
        "methods": [name for name in supported if METHODS[name].is_search],
        "with --model": [name for name in supported if not METHODS[name].is_search],
        "to compare with": REFERENCES,
    }
    typer.echo()
    for group, names in groups.items():
        typer.echo(f"{group:<18}{', '.join(names)}")
