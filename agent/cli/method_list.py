"""The methods that can be chosen, as a table and as JSON."""

import json
from collections.abc import Mapping

from agent.display.folding import FoldingTable
from agent.display.format import Formatter
from agent.propose.methods import Method

NEEDS = {"none": "nothing", "optional": "nothing; better with a model", "needed": "a model"}


def as_json(methods: Mapping[str, Method]) -> str:
    """Return the methods as a JSON list."""
    return json.dumps([_row(method) for method in methods.values()], indent=2)


def table_of(methods: Mapping[str, Method], formatter: Formatter) -> FoldingTable:
    """Return a row for each method: its name, what it needs, what it does."""
    table = FoldingTable(("", "", ""))
    for name, method in methods.items():
        cells = (name, needs_of(method), method.description)
        table.add_row(*map(formatter.line, cells))
    return table


def _row(method: Method) -> dict[str, object]:
    return {
        "name": method.name,
        "model": method.model,
        "library": method.is_search,
        "extra": method.extra,
        "about": method.description,
        "origin": method.origin or "autoresearch",
    }


def needs_of(method: Method) -> str:
    """Return what a method needs, in words."""
    if method.origin:
        return "a plug-in"
    if method.extra:
        return f"pip install '{method.extra}'"
    return NEEDS[method.model]
