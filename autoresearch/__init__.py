"""The public name of autoresearch: run a night and follow it, read a ledger, ask a search method.

Everything here belongs to the packages `agent` and `sandbox`, and these names stay as they are
when those change; their types are in __init__.pyi. Importing runs nothing. docs/library.md shows
each in a few lines.
"""

from importlib import import_module

# The `autoresearch` command imports this package too, and needs none of these to begin with.
_HOMES = {
    "Fault": "sandbox.ground.fault",
    "Observation": "agent.propose",
    "Parameter": "agent.space",
    "Space": "agent.space",
    "ask": "agent.propose",
    "read": "autoresearch.ledger",
    "read_space": "agent.space",
    "resume": "autoresearch.night",
    "start": "autoresearch.night",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Return a public name, imported at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
