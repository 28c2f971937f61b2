"""The methods that can be chosen, as a table and as JSON."""

import json
from collections.abc import Mapping

from agent.propose.methods import Method

NEEDS = {"none": "nothing", "optional": "nothing; better with a model", "needed": "a model"}


def as_json(methods: Mapping[str, Method]) -> str:
    """Return the methods as a JSON list."""
    return json.dumps([_row(method) for method in methods.values()], indent=2)


def as_table(methods: Mapping[str, Method]) -> str:
    """Return one line for each method: its name, what it needs, what it does."""
    needs = {name: needs_of(method) for name, method in methods.items()}
    width = max(map(len, methods))
    room = max(map(len, needs.values()))
    lines = []
    for name, method in methods.items():
        lines.append(f"{name:<{width}}  {needs[name]:<{room}}  {method.description}")
    return "\n".join(lines)


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
