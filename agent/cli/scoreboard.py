"""Shows a benchmark: its progress while it runs, and the tables when it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from agent.benchmark.benchmark import Plan, missing, run_missing
from agent.benchmark.ranking import Overall, TaskResults, overall, results_by_task
from agent.benchmark.results import Results, Run
from agent.benchmark.statistics import Comparison, gains
from agent.benchmark.tables import p_text, task_table
from agent.display.folding import FoldingTable
from agent.display.format import formatter_for, open_console

Advance = Callable[[Run | None], None]
"""Called with None after every trial, and with every run that is complete."""


def run_with_progress(plan: Plan, results: Results) -> None:
    """Run the missing trials; stderr shows a bar in a terminal, and elsewhere a line per run."""
    with _progress(missing(plan, results), results) as advance:
        for event in run_missing(plan, results):
            advance(event if isinstance(event, Run) else None)


@contextmanager
def _progress(total: int, results: Results) -> Iterator[Advance]:
    console = open_console(stderr=True)
    if not console.is_terminal:
        yield lambda run: typer.echo(_run_line(run, results), err=True) if run else None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeRemainingColumn(),
    )
    formatter = formatter_for(console)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=total)

        def advance(run: Run | None) -> None:
            if run:
                progress.update(bar, description=formatter.line(_run_line(run, results)))
            else:
                progress.advance(bar)

        yield advance


def _run_line(run: Run, results: Results) -> str:
    """Return `valley, trust, seed 103: gain 0.0213, 4 of 100 failed`."""
    lines = results.lines(run)
    failed = sum(line.failure is not None for line in lines[1:])
    score = f"gain {gains(lines)[-1]:.4f}, {failed} of {len(lines) - 1} failed"
    return f"{run.task}, {run.method}, seed {run.seed}: {score}"


def show(results: Results) -> None:
    """Print the tables of all that the file holds."""
    console = open_console()
    tasks = results_by_task(results)
    for task in tasks:
        _show_task(console, task)
    if not tasks:
        console.print(Text("no task has a seed under which all of its methods are done", "yellow"))
    whole = overall(tasks)
    if whole and len(tasks) > 1:
        _show_overall(console, whole)


def _show_task(console: Console, task: TaskResults) -> None:
    formatter = formatter_for(console)
    conditions = f"noise: {task.setup.noise}; {len(task.seeds)} seeds, {task.trials} trials each"
    console.print(Text(formatter.line(f"{task.setup.task}: {task.setup.about}"), "bold"))
    console.print(Text(formatter.line(conditions), "dim"))
    header, rows = task_table(task)
    console.print(_table(console, header, rows))
    if task.unfinished:
        left_out = f"{task.unfinished} runs left out: unfinished, or of a seed that not all have"
        console.print(Text(left_out, "yellow"))
    console.print()


def _show_overall(console: Console, whole: Overall) -> None:
    console.print(Text(f"all tasks, {whole.blocks} pairs of a task and a seed", "bold"))
    means = {method: float(curve[:, -1].mean()) for method, curve in whole.ranks.items()}
    ranked = [[method, f"{means[method]:.2f}"] for method in sorted(means, key=means.__getitem__)]
    console.print(_table(console, ["method", "mean rank"], ranked))
    console.print()
    pairs = [_pair(pair) for pair in whole.comparisons]
    console.print(_table(console, ["pair", "wins : losses", "p (Holm)"], pairs))


def _pair(pair: Comparison) -> list[str]:
    names = f"{pair.first} - {pair.second}"
    return [names, f"{pair.wins} : {pair.losses}", p_text(pair.corrected)]


def _table(console: Console, header: list[str], rows: list[list[str]]) -> FoldingTable:
    formatter = formatter_for(console)
    heads = [formatter.line(heading) for heading in header]
    table = FoldingTable(heads, right=heads[1:])
    for row in rows:
        table.add_row(*(Text(formatter.line(cell)) for cell in row))
    return table
