"""What an HTTP status of a model's API means: try again, or tell the user what to fix."""

from collections.abc import Mapping

from agent.errors import ModelFault
from agent.llm.patience import Transient
from sandbox.ground.text import one_line

MAX_MESSAGE_CHARACTERS = 300
NO_MONEY = ("credit balance", "insufficient_quota", "billing", "exceeded your current quota")
# Statuses after which another attempt may succeed, besides 500 and above.
PASSING = frozenset({408, 409, 425, 429})


def fault_of(
    status: int, message: str, headers: Mapping[str, str], provider: str, key: str
) -> Transient | ModelFault:
    """Return the exception for an answer with `status`.

    provider: `Anthropic` or `OpenAI`. key: the secret to remove from the message.
    """
    text = f"{provider} answered {status}: {tidy(message, key)}"
    variable = f"{provider.upper()}_API_KEY"
    if status == 402 or any(sign in message.lower() for sign in NO_MONEY):
        return ModelFault(
            f"{text} (the account has no credit left)", "autoresearch start --model none"
        )
    if status in PASSING or status >= 500:
        return Transient(text, _retry_after(headers))
    if status in (401, 403):
        return ModelFault(f"{text} (is {variable} right?)", f"export {variable}=…")
    if status == 404:
        return ModelFault(
            f"{text} (no such model, or not for this key)", "autoresearch start --model opus"
        )
    return ModelFault(text, "autoresearch start --model none")


def tidy(message: str, key: str) -> str:
    """Return `message` in one printable line without `key`, at most MAX_MESSAGE_CHARACTERS long."""
    if key:
        message = message.replace(key, "***")
    return one_line(message, MAX_MESSAGE_CHARACTERS)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds in `retry-after`; None if it is missing, a date, or nonsense."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
