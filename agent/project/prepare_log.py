"""Reads what a prepare.py printed and how it ended."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.ground.outcome import Crashed, Outcome
from sandbox.ground.text import one_line, tail

MAX_SOURCES = 10
"""Addresses that are shown to the user."""
MAX_ADDRESS = 200
NETWORK_WORDS = (
    "urlopen error",
    "getaddrinfo",
    "name resolution",
    "name or service not known",
    "nodename nor servname",
    "network is unreachable",
    "connectionerror",
    "connecterror",
    "failed to resolve",
    "max retries exceeded",
    "could not resolve host",
    "offline mode",
    "localentrynotfound",
    "socket.gaierror",
    "address family not supported",
    "no address associated",
)
"""What the libraries that download say when they cannot."""


def answer_of(log: Path) -> Mapping[str, Any]:
    """Return the JSON object on the last line that holds one, else an empty one."""
    for line in reversed(tail(log).splitlines()):
        with suppress(ValueError, RecursionError):
            answer = json.loads(line)
            if isinstance(answer, dict):
                return answer
    return {}


def wants_network(outcome: Outcome, log: Path) -> bool:
    """Return whether it failed for lack of a network."""
    if not isinstance(outcome, Crashed):
        return False
    words = tail(log).lower()
    return answer_of(log).get("needs") == "network" or any(word in words for word in NETWORK_WORDS)


def addresses_in(log: Path) -> tuple[str, ...]:
    """Return the addresses that it says it needs."""
    named = answer_of(log).get("from")
    texts = [text for text in named if isinstance(text, str)] if isinstance(named, list) else []
    return tuple(one_line(text, MAX_ADDRESS) for text in texts[:MAX_SOURCES])


def lacking(log: Path, python: str) -> str:
    """Return why a module or a file may have been missing, if it failed because of that."""
    words = tail(log)
    if "ModuleNotFoundError" in words:
        return f": it runs on {python}, and sees no file that edits may touch"
    if "FileNotFoundError" in words:
        return ": it sees no file that edits may touch"
    return ""
