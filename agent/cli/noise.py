"""The command `noise`."""

import json
from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.options import (
    BetterWhen,
    BudgetOption,
    Json,
    LimitOption,
    Metric,
    RunIfNamed,
    Trust,
    Unsafe,
)
from agent.project.flags import read_flags

DEFAULT_REPEATS = 3


@app.command(epilog=epilog("autoresearch noise", "autoresearch noise nov24 --json"))
def noise(
    branch: RunIfNamed = None,
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=100, help="Trainings under further seeds, besides the first."
        ),
    ] = DEFAULT_REPEATS,
    budget: BudgetOption = None,
    limit: LimitOption = None,
    metric: Metric = None,
    direction: BetterWhen = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Show how noisy the metric is, which gains can be detected, and what that costs.

    Without RUN it trains the files of the last commit in the sandbox, under several seeds and once
    more under the first; no branch is made. With RUN it trains nothing, and reads that run's
    baseline and the pairs that its judge has trained.
    """
    from agent.cli.reading import reading
    from agent.cli.spread import measured_here, record_of, say_spread, spread_of_run

    if branch is not None:
        with reading(branch) as history:
            spread = spread_of_run(history)
    else:
        better = direction.value if direction else None
        flags = read_flags("noise", budget=budget, limit=limit, metric=metric, direction=better)
        spread = measured_here(flags, repeats, trust, unsafe)
    if as_json:
        typer.echo(json.dumps(record_of(spread), indent=1))
        return
    say_spread(spread)
