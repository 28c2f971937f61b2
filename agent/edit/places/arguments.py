"""The arguments of a file's calls: a default that every call replaces has no effect."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from agent.edit.places.scopes import Scopes

# A class or function that is called more often is no configuration.
MAX_CALLS = 50


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call."""

    positional: int
    names: frozenset[str | None]
    has_more: bool
    """Whether it passes `*values` or `**options`: anything."""


def arguments_of(scopes: Scopes, name: str) -> list[Arguments]:
    """Return the arguments of every call of a class or function; [] for none or very many."""
    calls = scopes.calls.get(name, [])
    return [_arguments(call) for call in calls] if len(calls) <= MAX_CALLS else []


def always_passed(calls: Sequence[Arguments], name: str, index: int) -> bool:
    """Return whether there are calls, and each gives the parameter, the one at `index`, a value."""
    return bool(calls) and all(
        call.has_more or name in call.names or call.positional > index for call in calls
    )


def _arguments(call: ast.Call) -> Arguments:
    names = frozenset(keyword.arg for keyword in call.keywords)
    starred = any(isinstance(part, ast.Starred) for part in call.args)
    return Arguments(len(call.args), names, starred or None in names)
