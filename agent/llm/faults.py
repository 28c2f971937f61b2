"""Turns an HTTP status of a model's API into an exception: retry, or what the user must fix."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from agent.errors import ModelFault
from agent.llm.lifting import lifts_at, lifts_by_words
from agent.llm.patience import Patience, Transient
from agent.llm.reasons import WORDS, kind_of
from sandbox.ground.redaction import without
from sandbox.ground.text import one_line

MAX_MESSAGE_CHARACTERS = 300
_NO_ENDPOINT = re.compile(r"unexpected endpoint", re.IGNORECASE)
"""LM Studio's, inside an answer with status 200, where an address lacks its /v1."""
_NOT_THERE = frozenset({404, 405, 410})
_UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})
_ASTRAY = frozenset(
    {"DecodingError", "LocalProtocolError", "RecursionError", "SSLError", "ValueError"}
)
"""Names of errors, as no library of a provider is loaded here: of a connection that was not made,
and of an answer that is none."""
_NO_REASON = "Connection error."


def fault_of(
    status: int,
    message: str,
    headers: Mapping[str, str],
    provider: str,
    key: str,
    who: str | None = None,
) -> Transient | ModelFault:
    """Return the exception for an answer with `status`.

    provider: `Anthropic` or `OpenAI`. key: the secret to remove from the message. who: who
    answered, if it is not the provider itself.
    """
    text = f"{who or provider} answered {status}: {tidy(message, key)}"
    if 300 <= status < 400:
        return _leads_away(status, headers, provider, key, who or provider)
    if _NO_ENDPOINT.search(message):
        return _not_there(text, provider, who)
    now = datetime.now(UTC)
    lifts = lifts_by_words(message, now)  # some providers say "quota" of a limit by the minute
    kind = kind_of(status, message)
    if lifts and kind != "never":
        return Transient(text, (lifts - now).total_seconds(), limited=True)
    if kind in ("limit", "passing"):
        lifts = lifts_at(message, headers, now)
        seconds = (lifts - now).total_seconds() if lifts else None
        return Transient(text, seconds, limited=kind == "limit")
    if kind == "key":
        variable = f"{provider.upper()}_API_KEY"
        return ModelFault(f"{text} (is {variable} right?)", f"export {variable}=…")
    if status in _NOT_THERE and kind in ("", "model"):
        return _not_there(text, provider, who)
    if kind:
        words, command = WORDS[kind]
        return ModelFault(f"{text} ({words})", command)
    return ModelFault(text, "autoresearch start --model none")


def _leads_away(
    status: int, headers: Mapping[str, str], provider: str, key: str, who: str
) -> ModelFault:
    """Return the fault for a redirect that is not followed."""
    target = tidy(next((headers[name] for name in headers if name.lower() == "location"), "?"), key)
    variable = f"{provider.upper()}_BASE_URL"
    return ModelFault(
        f"{who} answered {status} and leads to {target}, where the question was not sent (does "
        f"{variable} name the right address?)",
        f"export {variable}=…",
    )


def _not_there(text: str, provider: str, who: str | None) -> ModelFault:
    """Return the fault for a model's name or an address that a server does not know."""
    if who in (None, provider):
        reason = "no such model, or not for this key"
        return ModelFault(f"{text} ({reason})", "autoresearch models")
    variable = f"{provider.upper()}_BASE_URL"
    if ".azure." in f"{who}":
        reason = (
            f"Azure wants --model DEPLOYMENT and {variable}=https://NAME.openai.azure.com/openai/v1"
        )
        return ModelFault(f"{text} ({reason})", f"export {variable}=…")
    usual = "most addresses end in /v1" if provider == "OpenAI" else "/v1/messages is put behind it"
    reason = f"no such model there, or {variable} is not to end so: {usual}"
    return ModelFault(f"{text} ({reason})", "autoresearch models")


def failed(
    provider: str, address: str, error: BaseException, patience: Patience, key: str
) -> Transient:
    """Return the failure of an attempt without an answer, or with an unreadable one."""
    causes = list(_causes(error))
    kinds = set[str]().union(*map(_kinds_of, causes))
    return Transient(
        tidy(_reason(provider, address, causes, patience), key),
        unreached="SSLError" not in kinds and not kinds.isdisjoint(_UNREACHED),
        astray=not kinds.isdisjoint(_ASTRAY),
        silent="ReadTimeout" in kinds,
    )


def _kinds_of(error: BaseException) -> set[str]:
    """Return the names of an error's classes."""
    return {kind.__name__ for kind in type(error).__mro__}


def _reason(
    provider: str, address: str, causes: Sequence[BaseException], patience: Patience
) -> str:
    """Return the reason why no answer came from `address`, in words.

    The libraries between say "Connection error.", and keep the reason among the causes.
    """
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"{provider}: no address of {address} is known ({cause.strerror})"
        if isinstance(cause, ssl.SSLError):
            return f"{provider}: no secure connection to {address} ({cause.reason or cause})"
        if isinstance(cause, ConnectionRefusedError):
            return f"{provider}: {address} refuses the connection; nothing listens there"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{provider}: no route to {address} ({cause.strerror})"
    names = {type(cause).__name__ for cause in causes}
    if "ConnectTimeout" in names:
        waited = f"{patience.connecting:.0f} s"
        return f"{provider}: no route to {address}: no connection within {waited}"
    if "ReadTimeout" in names:
        return f"{provider}: {address} was silent for {patience.silence:.0f} s"
    cause = next((cause for cause in causes if str(cause) not in ("", _NO_REASON)), causes[0])
    if isinstance(cause, ValueError | RecursionError):
        return f"{provider}: {address} sent no answer of this API: {cause}"
    return f"{provider}: {type(cause).__name__}: {cause} ({address})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, the outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def tidy(message: str, key: str) -> str:
    """Return `message` in one printable line without `key`, at most MAX_MESSAGE_CHARACTERS long."""
    return one_line(without(message, key), MAX_MESSAGE_CHARACTERS)
