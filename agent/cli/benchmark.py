"""The command `bench`: search methods compared on tasks, resumable and in parallel, with tables, figures and tests."""

import json
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.errors import UsageFault

OUTPUT = Path("bench.jsonl")


@app.command(
    epilog=epilog(
        "autoresearch bench --methods random,tpe,trust,optuna-tpe --tasks valley,rugged --seeds 10",
        "autoresearch bench --trials study.db --report docs/bench.md",
    )
)
def bench(
    methods: Annotated[
        str, typer.Option(help="By comma: of `autoresearch methods`, optuna-tpe, optuna-random.")
    ] = ("random,tpe,cmaes,trust,optuna-tpe"),
    tasks: Annotated[
        str | None,
        typer.Option(
            help="By comma: see --list. Default: valley,scaling,rugged; with --trials none."
        ),
    ] = None,
    past: Annotated[
        list[Path] | None,
        typer.Option(
            "--trials",
            metavar="FILE",
            help="Past trials, as a task: optuna's SQLite, JSON, JSONL, TSV or CSV. Repeatable.",
        ),
    ] = None,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Trials of each game, beside its baseline.")
    ] = 100,
    seeds: Annotated[
        int,
        typer.Option(
            min=1, help="Seeds of each task; for a synthetic one each is another function."
        ),
    ] = 10,
    first_seed: Annotated[
        int,
        typer.Option(
            min=0, help="The first; the methods' settings were chosen on seeds below 100."
        ),
    ] = 100,
    workers: Annotated[
        int, typer.Option(min=1, help="Games at once, each on its share of the cores.")
    ] = 1,
    model: Annotated[
        str | None, typer.Option(help="For methods that need one, as for `autoresearch start`.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file of results, added to and gone on with.")
    ] = OUTPUT,
    report: Annotated[
        Path | None, typer.Option(help="Write a Markdown page, and its figures as SVG beside it.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout, of a stable form.")
    ] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="List the tasks and what plays, and do nothing.")
    ] = False,
) -> None:
    """Compare search methods on tasks, under the same seeds.

    Every trial goes into one file. Killed anywhere, the same command goes on where it was; another one adds to the file, and
    the tables are of all that it holds.
    """
    if listing:
        _list()
        return
    from agent.benchmark.benchmark import Plan
    from agent.benchmark.methods import check_methods
    from agent.benchmark.results import Results
    from agent.benchmark.tables import plain_data
    from agent.benchmark.tasks import DEFAULT, open_task
    from agent.cli.scoreboard import hold_visibly, show

    chosen = _words(methods, "--methods")
    check_methods(chosen, model)
    named = _words(tasks, "--tasks") if tasks else () if past else DEFAULT
    opened = {
        name: open_task(name) for name in (*named, *(f"trials:{path}" for path in past or ()))
    }
    plan = Plan(
        opened, chosen, tuple(range(first_seed, first_seed + seeds)), evaluations, workers, model
    )
    with Results.open(output) as results:
        results.note(plan.asked(output))
        hold_visibly(plan, results)
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
    from agent.benchmark.methods import NOT_HERE, REFERENCES
    from agent.benchmark.tasks import TASKS
    from agent.propose import METHODS

    for name, row in TASKS.items():
        shown = f"{name}:{row.argument}" if row.argument else name
        typer.echo(f"{shown:<18}{row.about}")
    alone = [name for name, method in METHODS.items() if method.is_search]
    asking = [
        name for name, method in METHODS.items() if not method.is_search and name not in NOT_HERE
    ]
    typer.echo()
    for what, names in (
        ("methods", alone),
        ("with --model", asking),
        ("to compare with", REFERENCES),
    ):
        typer.echo(f"{what:<18}{', '.join(names)}")
