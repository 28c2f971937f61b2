"""What a server says when it refuses a question: the reason in its words, and its own code."""

import json
import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"<[^>]{0,200}>")
_TITLE = re.compile(r"<title[^>]{0,50}>([^<]{1,300})", re.IGNORECASE)
_STATUSES = {
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "invalid_prompt": 400,
    "rate_limit_exceeded": 429,
}
"""Of errors that OpenAI names by a word, inside a stream."""
MAX_BODY = 2**16
"""Characters of a body that are read for the reason."""


class Refusal(Exception):
    """A server answered with an error: by its HTTP status, or inside an answer with status 200."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str]) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def reason_in(body: str) -> str:
    """Return the reason in the body of an error: JSON of any provider, HTML, or plain text."""
    body = body[:MAX_BODY]
    try:
        return reason_of(json.loads(body))
    except (ValueError, RecursionError):
        pass
    title = _TITLE.search(body)
    if title:
        return title[1].strip()
    return " ".join(_TAG.sub(" ", body).split()) or "no reason given"


def reason_of(error: Any) -> str:
    """Return the reason in an error that was JSON: an object, a list of them, or a text."""
    if isinstance(error, list):
        return "; ".join(reason_of(one) for one in error[:3]) or "no reason given"
    if not isinstance(error, dict):
        return str(error)
    for key in ("error", "message", "detail", "msg", "error_message"):
        inner = error.get(key)
        if inner:
            return reason_of(inner) + _behind(error)
    return json.dumps(error)


def _behind(error: Mapping[str, Any]) -> str:
    """Return what a router adds of the provider behind it, in brackets; empty if nothing."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not raw:
        return ""
    return f" ({reason_in(raw) if isinstance(raw, str) else reason_of(raw)})"


def error_in(answer: Any) -> Any | None:
    """Return the error that an answer with status 200 holds, or None.

    Gemini sends a list of errors, OpenRouter an object beside or inside the choices.
    """
    if isinstance(answer, list):
        return next((error_in(one) for one in answer if error_in(one)), None)
    if not isinstance(answer, dict):
        return None
    if answer.get("error"):
        return answer["error"]
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return (first.get("error") or None) if isinstance(first, dict) else None


def status_of(error: Any, otherwise: int) -> int:
    """Return the HTTP status that an error names as its code; `otherwise` if it names none."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str):
        code = int(code) if code.isdigit() else _STATUSES.get(code)
    return code if isinstance(code, int) and 400 <= code < 600 else otherwise
