"""The command `compare`."""

from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.completion import complete_runs
from agent.cli.reading import reading
from agent.dashboard.view import View, differences, read_view
from agent.display.compare import side_by_side
from agent.display.format import noise_text, open_console, pace_text, spending, times
from agent.display.table import counts
from agent.errors import UsageFault


@app.command(epilog=epilog("autoresearch compare nov24 nov25"))
def compare(
    branches: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Two runs or more: TAG or autoresearch/TAG.",
            autocompletion=complete_runs,
        ),
    ],
) -> None:
    """Show runs side by side.

    Warns where their conditions differ, so that their scores cannot be compared.
    """
    views = []
    for branch in branches:
        with reading(branch) as history:
            views.append(read_view(history))
    if len(views) < 2:
        raise UsageFault("To compare, name at least two runs.", "autoresearch compare RUN RUN")
    console = open_console()
    tags = [view.run.tag for view in views]
    usual = all(view.run.objective is None for view in views)
    columns = [_column(view) if usual else _with_metric(view) for view in views]
    if any(view.parent for view in views):
        pairs = zip(views, columns, strict=True)
        columns = [{"from": view.parent, **column} for view, column in pairs]
    console.print(side_by_side(tags, columns, console))
    if unlike := differences(views):
        names = ", ".join(unlike)
        console.print(f"scores are not comparable: the runs differ in {names}", style="yellow")


def _with_metric(view: View) -> dict[str, str]:
    """Return a column with the run's metric at its head."""
    objective = view.run.goal
    scores = view.about or f"{objective.metric}, {objective.better}"
    return {"scores": scores, **_column(view)}


def _column(view: View) -> dict[str, str]:
    run = view.run
    best = view.best
    gain = view.gain
    by_noise = ""
    if gain is not None and view.noise.scatter:
        by_noise = times(-gain / view.noise.scatter)
    return {
        "method": f"{run.method} with {run.model}" if run.model else run.method,
        "budget": run.allowance,
        "trials": counts(view.trials),
        "best": f"{view.formatter.score(best.value)} by #{best.number}" if best else "none",
        "gain": view.formatter.change(gain) if gain is not None else "",
        "gain ÷ noise": by_noise,
        "noise": noise_text(view.noise, view.formatter),
        "time": pace_text(view.pace),
        "spent": spending(view.proposed),
    }
