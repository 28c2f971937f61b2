"""The command `noise`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.baseline import standing_baseline
from agent.cli.build import find_place
from agent.cli.consent import Consent
from agent.cli.options import BetterWhen, Branch, BudgetOption, Json, Metric, Trust, Unsafe
from agent.cli.reading import reading
from agent.cli.spread import Spread, lines_of, measure_spread, spread_of_run
from agent.display.format import formatter_for, open_console
from agent.judge.decide import Rule
from agent.judge.resolution import POWER
from agent.project.flags import Flags, read_flags

DEFAULT_REPEATS = 3


@app.command(epilog=epilog("autoresearch noise", "autoresearch noise nov24 --json"))
def noise(
    branch: Branch = None,
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=100, help="Trainings under further seeds, besides the first."
        ),
    ] = DEFAULT_REPEATS,
    budget: BudgetOption = None,
    metric: Metric = None,
    direction: BetterWhen = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Show how noisy the metric is, and the smallest gain that can be told apart at which cost.

    Without RUN it trains the files of the last commit in the sandbox, under several seeds and once
    more under the first; no branch is made. With RUN it trains nothing, and reads that run's
    baseline and the pairs that its judge has trained.
    """
    if branch is not None:
        with reading(branch) as history:
            spread = spread_of_run(history)
    else:
        better = direction.value if direction else None
        flags = read_flags("noise", budget=budget, metric=metric, direction=better)
        spread = _measured(flags, repeats, trust, unsafe)
    if as_json:
        typer.echo(json.dumps(record_of(spread), indent=1))
        return
    say_spread(spread)


def _measured(flags: Flags, repeats: int, trust: bool, unsafe: bool) -> Spread:
    place = find_place(Path.cwd())
    consent = Consent(place.project, trust)
    with standing_baseline(place, flags, consent, unsafe) as baseline:
        return measure_spread(baseline, repeats, Rule())


def say_spread(spread: Spread) -> None:
    """Print what a spread means."""
    console = open_console()
    formatter = formatter_for(console, spread.objective)
    for line in lines_of(spread):
        console.print(Text(formatter.line(line) if line.strip() == line else f"  {line.strip()}"))


def record_of(spread: Spread) -> dict[str, Any]:
    """Return a spread as JSON has it."""
    fields = {"runs", "again", "moved", "source", "sd", "tau", "degrees", "seconds"}
    rows = []
    for resolution in spread.resolutions:
        seconds = round(resolution.trainings * spread.seconds, 1)
        rows.append({**resolution.model_dump(), "seconds": seconds})
    objective = spread.objective
    return {
        "metric": objective.metric,
        "direction": objective.direction,
        "scale": objective.scale,
        **spread.model_dump(mode="json", include=fields),
        "repeats_exactly": spread.repeats_exactly,
        "power": POWER,
        "smallest_gains": rows,
    }
