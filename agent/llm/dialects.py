"""What the commands of coding agents have in common: how they are called, and how they fail."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import ModelFault
from agent.llm.effort import Effort
from agent.llm.lifting import lifts_by_words
from agent.llm.model import Reply, Request
from agent.llm.patience import Transient
from agent.llm.reasons import WORDS, kind_of
from agent.llm.refusals import TELLING, is_withheld, reason_of
from agent.llm.slips import first_value
from sandbox.ground.text import one_line

# How commands say what is wrong where they name no status.
NOT_LOGGED_IN = (
    "login",
    "log in",
    "logged in",
    "authenticat",
    "credential",
    "api key",
    "unauthorized",
    "sign in",
    "access token",
    "invalid_grant",
)
NOT_UNDERSTOOD = ("unknown option", "unexpected argument", "unrecognized", "invalid value")
SERVER = "autoresearch_look"
"""Name of the MCP server in a command's settings; no user has one of this name."""
TOKEN = "AUTORESEARCH_LOOK_TOKEN"
"""The variable with the token of that server."""
_STATUS = re.compile(r"\bstatus:? (?:code )?(\d{3})\b")


def _nothing(_: str) -> str:
    return ""


@dataclass(frozen=True)
class Call:
    """One call of a command."""

    model: str | None
    """The command's name of the model; None to leave the choice to it."""
    request: Request
    folder: Path
    """An empty folder for files that the command reads, beside the one it runs in."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of the command."""
    effort: Effort | None = None
    """How hard the model is asked to think; None to leave that to the command."""


@dataclass(frozen=True)
class Dialect:
    """How one command is called and how its answer is read."""

    executable: str
    call: Callable[[Call], tuple[tuple[str, ...], str]]
    """Returns the arguments, and the text for its standard input."""
    read: Callable[[str], Reply]
    """Reads its output. Raises ModelFault or Transient for a failure that the output tells, and
    ValueError, TypeError, KeyError or AttributeError for an output of another form."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables that it gets."""
    notice: Callable[[str], str] = _nothing
    """Returns the failure that a line of its output reports and that it retries itself, or ""."""


def failure_of(
    name: str, executable: str, message: str, status: int | None = None
) -> Transient | ModelFault:
    """Return the exception for a command's message: Transient, or a fault that says what to do.

    status: the HTTP status of its provider's answer, if the command names it.
    """
    message = readable(message)
    text = f"{name}: {one_line(message)}"
    lowered = message.lower()
    if status is None and (named := _STATUS.search(lowered)):
        status = int(named[1])
    now = datetime.now(UTC)
    lifts = lifts_by_words(message, now)
    kind = kind_of(status, message)
    if is_withheld(status, message):
        return ModelFault(text, "autoresearch models")
    if lifts and kind != "never":
        return Transient(text, (lifts - now).total_seconds(), limited=True)
    if kind in ("limit", "passing"):
        return Transient(text, limited=kind == "limit")
    is_login = kind in ("", "grant") and any(sign in lowered for sign in NOT_LOGGED_IN)
    if kind == "key" or is_login:
        return ModelFault(f"{text} (is it logged in?)", executable)
    if kind:
        words, command = WORDS[kind]
        return ModelFault(f"{text} ({words})", command)
    if any(sign in lowered for sign in NOT_UNDERSTOOD):
        return ModelFault(f"{text} (is it up to date?)", f"{executable} --version")
    if status is not None:
        return ModelFault(text, "autoresearch models")
    return Transient(text, astray=True)


def readable(message: str) -> str:
    """Return a command's message with the reason in place of the JSON that it quotes, if any.

    `unexpected status 400 Bad Request: {"detail": "no"}` becomes `… Bad Request: no`.
    """
    start = message.find("{")
    value = first_value(message[start:]) if start >= 0 else None
    if not isinstance(value, dict) or value.keys().isdisjoint(TELLING):
        return message
    reason = reason_of(value)
    return reason if reason.startswith(message[:start].strip()) else f"{message[:start]}{reason}"


def count_in(usage: Mapping[str, Any], name: str) -> int:
    """Return a number of tokens; 0 if it is missing or nonsense."""
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else 0
