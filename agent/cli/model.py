"""The commands about models: `models` lists what can be asked from here, `prompt` what the next question would be."""

import json
import os
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from agent.cli import app, epilog
from agent.display.format import formatter_for, open_console
from agent.history.history import History
from agent.history.runs import newest
from agent.llm.model import Request
from agent.llm.patience import Patience
from agent.llm.resolve import default_model
from agent.project.settings import RunSettings
from agent.run.bounds import Bounds, cost_of

LIST_SECONDS = 20.0
Branch = Annotated[
    str | None, typer.Argument(help="autoresearch/TAG or TAG; the newest run without it.")
]


@app.command(epilog=epilog("autoresearch prompt", "autoresearch prompt nov24 --json"))
def prompt(
    branch: Branch = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The question as JSON, the tool's schema included.")
    ] = False,
) -> None:
    """What a model would be asked next for an edit of code, word for word.

    From a run's branch, with its bounds as at the start. Nothing is asked, and no key is needed.
    """
    from agent.cli.session import find_place, open_ledger
    from agent.llm.recorded import without_secrets
    from agent.propose.code.code import request_of

    place = find_place(Path.cwd())
    with History.read(place.project, branch or newest(place.project)) as history:
        pending = tuple(attempt.proposal for attempt in history.in_flight)
        cost = cost_of([*(trial.proposal for trial in history.trials), *pending])
        bounds, measured = (
            _bounds(history.run),
            sum(trial.result is not None for trial in history.trials),
        )
        remaining = bounds.left(max(0, measured - 1), 0.0, cost)
        ledger = open_ledger(history, place.settings, history.run.caps, history.run.workers)
        context = ledger.context(pending, remaining, bounds.dollars(cost))
    request = without_secrets(request_of(context))
    typer.echo(request.model_dump_json(indent=2) if as_json else _readable(request))


@app.command(epilog=epilog("autoresearch models"))
def models(
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Which models can be asked from here, and at what price.

    By the keys, the server and the commands that the environment has. Prices are list prices in dollars a million tokens.
    """
    from agent.llm.catalog import offers

    found = list(offers(os.environ, Patience(LIST_SECONDS, threading.Event())))
    if as_json:
        typer.echo(json.dumps([offer.model_dump() for offer in found], indent=2))
        return
    console = open_console()
    formatter, default = formatter_for(console), default_model(os.environ)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("--model", "in", "out", "provider", ""):
        table.add_column(heading)
    for offer in found:
        price = (
            [f"${dollars:.2f}" for dollars in offer.dollars] if offer.dollars else ["unknown", ""]
        )
        table.add_row(
            *(
                Text(formatter.line(part))
                for part in (offer.model or "-", *price, offer.provider, offer.note)
            )
        )
    console.print(table if found else Text("nothing: no key, no server, no command"))
    console.print(Text(f"\nwithout --model: {default or 'none, a search over the constants'}"))


def _bounds(run: RunSettings) -> Bounds:
    return Bounds(trials=run.trials, hours=run.hours, max_cost=run.max_cost)


def _readable(request: Request) -> str:
    """The parts in the order in which they are sent; they hold no control character, whoever wrote them."""
    parts = [
        ("system", request.system),
        *((f"user, part {n}", block) for n, block in enumerate(request.blocks, 1)),
    ]
    shown = "\n\n".join(f"===== {name} =====\n{text}" for name, text in parts)
    return (
        f"{shown}\n\n===== about {request.tokens} tokens, with the tool {request.tool.name} ====="
    )
