"""Shows a contest: how far it is while it is held, and the tables when it is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from agent.benchmark.benchmark import Plan, hold, missing
from agent.benchmark.ranking import fields, overall
from agent.benchmark.results import Game, Results
from agent.benchmark.statistics import Comparison, gains
from agent.benchmark.tables import p_text, task_table
from agent.display.format import formatter_for, open_console

Told = Callable[[Game | None], None]
"""Hears of every trial (None), and of every game when it is over."""


def hold_visibly(plan: Plan, results: Results) -> None:
    """Play what is missing, and show on stderr how far that is: a bar in a terminal, a line a game elsewhere."""
    left = missing(plan, results)
    with _bar(left, results) as told:
        for event in hold(plan, results):
            told(event if isinstance(event, Game) else None)


@contextmanager
def _bar(left: int, results: Results) -> Iterator[Told]:
    console = open_console(stderr=True)
    if not console.is_terminal:
        yield lambda game: typer.echo(_said(game, results), err=True) if game else None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=left)

        def told(game: Game | None) -> None:
            if game:
                progress.update(bar, description=formatter_for(console).line(_said(game, results)))
            else:
                progress.advance(bar)

        yield told


def _said(game: Game, results: Results) -> str:
    """`valley, trust, seed 103: gain 0.0213, 4 of 100 failed`"""
    lines = results.lines(game)
    failed = sum(line.failure is not None for line in lines[1:])
    return f"{game.task}, {game.method}, seed {game.seed}: gain {gains(lines)[-1]:.4f}, {failed} of {len(lines) - 1} failed"


def show(results: Results) -> None:
    """The tables of all that the file holds."""
    console = open_console()
    formatter = formatter_for(console)
    found = fields(results)
    for field in found:
        console.print(Text(formatter.line(f"{field.setup.task}: {field.setup.about}"), "bold"))
        console.print(
            Text(
                formatter.line(
                    f"noise: {field.setup.noise}; {len(field.seeds)} seeds, {field.trials} trials each"
                ),
                "dim",
            )
        )
        header, rows = task_table(field)
        console.print(
            _table(
                [formatter.line(cell) for cell in header],
                [[formatter.line(cell) for cell in row] for row in rows],
            )
        )
        if field.unfinished:
            console.print(
                Text(
                    f"left out: {field.unfinished} games, unfinished or of a seed that not all played",
                    "yellow",
                )
            )
        console.print()
    if not found:
        console.print(
            Text("no task was finished by all of its methods under any seed yet", "yellow")
        )
    if (whole := overall(found)) and len(found) > 1:
        console.print(Text(f"all tasks, {whole.blocks} pairs of a task and a seed", "bold"))
        ranked = sorted(
            (float(curve[:, -1].mean()), method) for method, curve in whole.ranks.items()
        )
        console.print(
            _table(
                ["method", "mean rank"],
                [[formatter.line(method), f"{rank:.2f}"] for rank, method in ranked],
            )
        )
        console.print()
        console.print(
            _table(["pair", "wins : losses", "p (Holm)"], [_pair(one) for one in whole.comparisons])
        )


def _pair(one: Comparison) -> list[str]:
    return [f"{one.one} - {one.two}", f"{one.wins} : {one.losses}", p_text(one.corrected)]


def _table(header: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, heading in enumerate(header):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
