"""The command `methods`: what can propose, and what each needs."""

import json
from typing import Annotated

import typer

from agent.cli import app, epilog

NEEDS = {"none": "nothing", "optional": "nothing; better with a model", "needed": "a model"}


@app.command(epilog=epilog("autoresearch methods", "autoresearch start --method trust"))
def methods(
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout, of a stable form.")
    ] = False,
) -> None:
    """The methods for --method, and what each needs.

    Those that need nothing search the constants of train.py, and are a library as well (docs/library.md).
    """
    from agent.propose import METHODS

    if as_json:
        rows = [
            {
                "name": name,
                "model": method.model,
                "library": method.is_search,
                "extra": method.extra,
                "about": method.description,
            }
            for name, method in METHODS.items()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    needs = {
        name: f"pip install '{m.extra}'" if m.extra else NEEDS[m.model]
        for name, m in METHODS.items()
    }
    width, room = max(map(len, METHODS)), max(map(len, needs.values()))
    for name, method in METHODS.items():
        typer.echo(f"{name:<{width}}  {needs[name]:<{room}}  {method.description}")
