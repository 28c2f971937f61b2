"""The command `methods`."""

import json
from collections.abc import Mapping

import typer

from agent.cli import app, epilog
from agent.cli.options import Json
from agent.propose.methods import Method, list_methods

NEEDS = {"none": "nothing", "optional": "nothing; better with a model", "needed": "a model"}


@app.command(epilog=epilog("autoresearch methods", "autoresearch start --method trust"))
def methods(as_json: Json = False) -> None:
    """List the methods for --method, and what each needs.

    Those that need nothing search the constants of train.py, and are a library as well
    (docs/library.md). Methods of other installed packages come last, with where they come from.
    """
    listed = list_methods()
    if as_json:
        typer.echo(json.dumps([_row(method) for method in listed.values()], indent=2))
    else:
        _print(listed)


def _row(method: Method) -> dict[str, object]:
    return {
        "name": method.name,
        "model": method.model,
        "library": method.is_search,
        "extra": method.extra,
        "about": method.description,
        "origin": method.origin or "autoresearch",
    }


def _needs(method: Method) -> str:
    if method.origin:
        return "a plug-in"
    if method.extra:
        return f"pip install '{method.extra}'"
    return NEEDS[method.model]


def _print(listed: Mapping[str, Method]) -> None:
    needs = {name: _needs(method) for name, method in listed.items()}
    width = max(map(len, listed))
    room = max(map(len, needs.values()))
    for name, method in listed.items():
        typer.echo(f"{name:<{width}}  {needs[name]:<{room}}  {method.description}")
