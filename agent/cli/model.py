"""The commands about models: `models` and `prompt`."""

import json
import os
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.options import Json, WorkOn
from agent.display.format import formatter_for, open_console
from agent.display.waiting import waiting
from agent.history.history import History
from agent.history.runs import usual_run
from agent.llm.model import Request
from agent.llm.patience import Patience
from agent.llm.resolve import default_model
from agent.project.resolve import recorded_caps
from agent.records.spending import spending_of
from agent.run.bounds import Bounds
from sandbox.ground.text import printable

LIST_SECONDS = 20.0
NO_MODEL_HERE = (
    "No model available: no API key, no local server, and neither `claude` nor `codex` found."
)


@app.command(epilog=epilog("autoresearch prompt", "autoresearch prompt nov24 --json"))
def prompt(
    branch: WorkOn = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the request as JSON, with the tool's schema.")
    ] = False,
) -> None:
    """Show the next question to a model for an edit of code, word for word.

    It is built from the run's branch, with its bounds as at the start. No model is asked, and no
    key is needed.
    """
    from agent.cli.build import open_ledger, place_around
    from agent.llm.recorded import without_secrets
    from agent.propose.code.code import request_of

    place = place_around(Path.cwd())
    with History.read(place.project, branch or usual_run(place.project, Path.cwd())) as history:
        run = history.run
        pending = tuple(attempt.proposal for attempt in history.in_flight)
        judged = [trial.proposal for trial in history.trials]
        cost = spending_of([*judged, *pending]).dollars
        bounds = Bounds(trials=run.trials, hours=run.hours, max_cost=run.max_cost)
        measured = sum(trial.result is not None for trial in history.trials)
        remaining = bounds.left(max(0, measured - 1), 0.0, cost)
        caps = recorded_caps(run, place.settings)
        ledger = open_ledger(history, place.settings, caps, run.workers)
        context = ledger.context(pending, remaining, bounds.dollars(cost))
    request = without_secrets(request_of(context))
    typer.echo(
        json.dumps(request.model_dump(mode="json"), indent=2) if as_json else _readable(request)
    )


@app.command(epilog=epilog("autoresearch models"))
def models(as_json: Json = False) -> None:
    """List the models that can be used from here, with their prices.

    It looks for keys, a local server and commands in the environment. Prices are list prices in
    dollars per million tokens.
    """
    from agent.llm.catalog import offers

    with waiting("the lists of models", f"who has not answered after {LIST_SECONDS:.0f} s is left"):
        available = list(offers(os.environ, Patience(LIST_SECONDS, threading.Event())))
    if as_json:
        typer.echo(json.dumps([offer.model_dump() for offer in available], indent=2))
        return
    console = open_console()
    formatter = formatter_for(console)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("--model", "in", "out", "provider", ""):
        table.add_column(heading)
    for offer in available:
        price = ["unknown", ""]
        if offer.dollars:
            price = [f"${dollars:.2f}" for dollars in offer.dollars]
        cells = (offer.model or "-", *price, offer.provider, offer.note)
        table.add_row(*(Text(formatter.line(cell)) for cell in cells))
    console.print(table if available else Text(NO_MODEL_HERE))
    default = default_model(os.environ) or "none, a search over the constants"
    console.print(Text(f"\nwithout --model: {default}"))


def _readable(request: Request) -> str:
    """Return the parts in the order in which they are sent, printable whoever wrote them."""
    parts = [("system", request.system)]
    for number, block in enumerate(request.blocks, 1):
        parts.append((f"user, part {number}", block))
    text = "\n\n".join(f"===== {name} =====\n{part}" for name, part in parts)
    end = f"===== about {request.tokens} tokens, with the tool {request.tool.name} ====="
    return f"{printable(text)}\n\n{end}"
