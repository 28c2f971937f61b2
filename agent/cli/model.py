"""The commands about models: `models` and `prompt`."""

import json
import os
import threading
from typing import Annotated

import typer
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.options import Json, WorkOn
from agent.display.folding import FoldingTable
from agent.display.format import formatter_for, open_console
from agent.display.waiting import waiting
from agent.errors import UsageFault
from agent.llm.model import Request, Tool
from agent.llm.patience import Patience
from agent.llm.resolve import default_model
from sandbox.ground.text import printable

LIST_SECONDS = 20.0
NO_MODEL_HERE = (
    "No model available: no API key, no local server, and neither `claude` nor `codex` found."
)


@app.command(epilog=epilog("autoresearch prompt", "autoresearch prompt --method llm-hps"))
def prompt(
    branch: WorkOn = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose question. Default: the run's own method."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the messages and the tools as JSON.")
    ] = False,
) -> None:
    """Show every message of the next question to a model, word for word, with its tools.

    It is built from the run's branch, with its bounds as at the start; where there is no run yet,
    from the last commit, as `autoresearch start` would ask first. A method that asks no model shows
    the question of `--method code`. No model is asked, and no key is needed.
    """
    from agent.cli.question import next_question
    from agent.llm.recorded import without_secrets

    question = next_question(branch, method)
    name = question.method.name
    if question.request is None:
        raise UsageFault(
            f"the method {name!r} asks no model for the next proposal",
            "autoresearch prompt --method code",
        )
    request = without_secrets(question.request)
    if not as_json:
        typer.echo(_readable(request, question.after_refusal))
        return
    shown = {
        "method": name,
        **request.model_dump(mode="json"),
        "after_refusal": question.after_refusal,
        "tokens": request.tokens,
    }
    typer.echo(json.dumps(shown, indent=2))


@app.command(epilog=epilog("autoresearch models"))
def models(as_json: Json = False) -> None:
    """List the models that can be used from here, with their prices.

    It looks for keys, a local server and commands in the environment. Prices are list prices in
    dollars per million tokens.
    """
    from agent.llm.catalog import offers

    with waiting(
        "the lists of models", f"what has no answer after {LIST_SECONDS:.0f} s is left out"
    ):
        available = list(offers(os.environ, Patience(LIST_SECONDS, threading.Event())))
    if as_json:
        typer.echo(json.dumps([offer.model_dump() for offer in available], indent=2))
        return
    console = open_console()
    formatter = formatter_for(console)
    table = FoldingTable(("--model", "in", "out", "provider", ""))
    for offer in available:
        price = ["unknown", ""]
        if offer.dollars:
            price = [f"${dollars:.2f}" for dollars in offer.dollars]
        cells = (offer.model or "-", *price, offer.provider, offer.note)
        table.add_row(*(Text(formatter.line(cell)) for cell in cells))
    console.print(table if available else Text(NO_MODEL_HERE))
    default = default_model(os.environ) or "none, a search over the constants"
    console.print(Text(f"\nwithout --model: {default}"))


def _tool_text(tool: Tool) -> str:
    return f"{tool.description}\n{json.dumps(tool.parameters, ensure_ascii=False)}"


def _readable(request: Request, after_refusal: str | None) -> str:
    """Return the parts in the order in which they are sent, printable whoever wrote them."""
    parts = [(f"tool {tool.name}", _tool_text(tool)) for tool in (request.tool, *request.tools)]
    parts.append(("system", request.system))
    for number, block in enumerate(request.blocks, 1):
        parts.append((f"user, part {number}", block))
    if after_refusal:
        parts.append(("user, only after a draft was refused", after_refusal))
    text = "\n\n".join(f"===== {name} =====\n{part}" for name, part in parts)
    end = f"===== about {request.tokens} tokens, with the tool {request.tool.name} ====="
    return f"{printable(text)}\n\n{end}"
