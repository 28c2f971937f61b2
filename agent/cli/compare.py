"""The command that puts runs beside each other: `compare`."""

from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.review import reading
from agent.dashboard.view import View, differences, read_view
from agent.display.compare import side_by_side
from agent.display.format import bpb, duration, open_console, spending
from agent.display.table import counts
from agent.errors import UsageFault


@app.command(epilog=epilog("autoresearch compare nov24 nov25"))
def compare(
    branches: Annotated[
        list[str], typer.Argument(metavar="BRANCH BRANCH...", help="Two runs or more.")
    ],
) -> None:
    """Runs beside each other.

    Says which of their conditions differ, where that makes their scores incomparable.
    """
    views = []
    for branch in branches:
        with reading(branch) as history:
            views.append(read_view(history))
    if len(views) < 2:
        raise UsageFault("comparing takes two runs", "autoresearch compare RUN RUN")
    console = open_console()
    console.print(
        side_by_side([view.run.tag for view in views], [_column(view) for view in views], console)
    )
    if unlike := differences(views):
        console.print(
            f"not comparable as they are: the runs differ in {', '.join(unlike)}", style="yellow"
        )


def _column(view: View) -> dict[str, str]:
    run, best, gain = view.run, view.best, view.gain
    return {
        "method": f"{run.method} with {run.model}" if run.model else run.method,
        "budget": str(run.budget),
        "trials": counts(view.trials),
        "best": bpb(best.value) + f" by #{best.number}" if best else "none",
        "gain": f"{gain:+.6f}" if gain is not None else "",
        "gain ÷ noise": f"{-gain / view.noise.scatter:.1f}"
        if gain is not None and view.noise.scatter
        else "",
        "noise": str(view.noise),
        "training": duration(view.training_seconds),
        "spent": spending(view.trials),
    }
