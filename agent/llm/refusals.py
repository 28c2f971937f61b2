"""Reads the refusal of a question: the server's reason and its own code."""

import json
import re
from collections.abc import Mapping
from typing import Any

from agent.llm.reasons import kind_of

_TAG = re.compile(r"<[^>]{0,200}>")
_TITLE = re.compile(r"<title[^>]{0,50}>([^<]{1,300})", re.IGNORECASE)
_STATUSES = {
    "api_error": 500,
    "authentication_error": 401,
    "billing_error": 402,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "model_not_found": 404,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "timeout_error": 504,
}
"""The HTTP statuses of errors that OpenAI and Anthropic name inside a stream or an answer."""
TELLING = (
    "error",
    "errors",
    "message",
    "detail",
    "msg",
    "error_message",
    "error_description",
    "reason",
    "Message",
    "title",
)
"""Keys that hold the reason, the outermost first; a number or a flag is not a reason."""
MAX_DEPTH = 8
NO_REASON = "no reason given"
_WITHHELD = re.compile(
    r"content management policy|content.filter|content violates|safety_check|prohibited_content"
    r"|content exists risk|data_inspection|inappropriate content|considered high risk"
    r"|limited access to this content|violat\w{1,5} (?:\w{1,20} ){0,3}(?:polic|guidelines)"
    r"|(?:prompt|input|request|content|output|response)s? (?:was|were|is|has been) "
    r"(?:flagged|blocked|filtered)",
    re.IGNORECASE,
)
"""As Azure, OpenAI, Anthropic, xAI, Gemini, OpenRouter, DeepSeek, Qwen and Moonshot say that they
do not answer a question; the next one may be answered."""
FAILED = 502
"""The status for an error inside an answer that names none; another attempt may succeed."""
FOR_GOOD = 400
"""The same where none will."""
_KINDS_FOR_GOOD = frozenset({"model", "key", "grant", "account"})
_ABOUT_A_QUESTION = frozenset({400, 403, 422, 451})
MAX_BODY = 2**16
"""The most characters of a body that are searched for the reason."""


class Refusal(Exception):
    """A server answered with an error: by its HTTP status, or inside an answer with status 200.

    error: what it said, as JSON. named: whether the status is the server's word.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Mapping[str, str],
        error: object = None,
        named: bool = True,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers
        self.named = named
        written = error.get("failed_generation") if isinstance(error, dict) else None
        self.written: str | None = written if isinstance(written, str) else None
        """What the model wrote that its server could not read, as Groq quotes it."""


def refusal_inside(error: Any) -> Refusal:
    """Return the refusal for an error inside an answer that began well.

    Where it names no status its words decide: what is wrong for good is not asked for again.
    """
    reason = reason_of(error) if error else "the answer failed"
    headers = all_headers({}, error)
    status = status_of(error, 0)
    if status:
        return Refusal(status, reason, headers, error)
    otherwise = FOR_GOOD if kind_of(None, reason) in _KINDS_FOR_GOOD else FAILED
    return Refusal(otherwise, reason, headers, error, named=False)


def is_withheld(status: int | None, reason: str) -> bool:
    """Return whether a refusal is about what this one question says, and no fault of the set-up."""
    return (status is None or status in _ABOUT_A_QUESTION) and bool(_WITHHELD.search(reason))


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
    return " ".join(_TAG.sub(" ", body).split()) or NO_REASON


def reason_of(error: Any) -> str:
    """Return the reason in an error that was JSON: an object, a list of them, or a text."""
    return _reason_of(error, MAX_DEPTH)


def _reason_of(error: Any, depth: int) -> str:
    """Return the reason. depth: how many nested objects are searched."""
    if isinstance(error, list):
        return "; ".join(_reason_of(item, depth - 1) for item in error[:3]) or NO_REASON
    if not isinstance(error, dict):
        return str(error)
    if depth <= 0:
        return NO_REASON
    for key in TELLING:
        inner = error.get(key)
        if inner and not isinstance(inner, bool | int | float):
            return _reason_of(inner, depth - 1) + _where(error) + _behind(error)
    return json.dumps(error)


def _where(error: Mapping[str, Any]) -> str:
    """Return `: ` and the part of the question that a Python server refuses, or ""."""
    place = error.get("loc")
    names = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return f": {'.'.join(names)}" if names else ""


def _behind(error: Mapping[str, Any]) -> str:
    """Return in brackets what stands behind a reason; empty if nothing.

    A router adds the words of the provider that it chose, Google when to try again.
    """
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return f" (retry in {detail['retryDelay']})"
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not raw:
        return ""
    return f" ({reason_in(raw) if isinstance(raw, str) else reason_of(raw)})"


def error_in(answer: Any) -> Any | None:
    """Return the error that an answer with status 200 holds, or None.

    Gemini sends a list of errors, OpenRouter an object beside or inside the choices.
    """
    answers = answer if isinstance(answer, list) else [answer]
    return next(filter(None, map(_error_in_one, answers)), None)


def _error_in_one(answer: Any) -> Any | None:
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    if error:  # a flag or a number has its reason beside it
        return answer if isinstance(error, bool | int) else error
    if answer.get("object") == "error":
        return answer
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return (first.get("error") or None) if isinstance(first, dict) else None


def all_headers(headers: Mapping[str, str], body: object) -> dict[str, str]:
    """Return the headers of a refusal, including those that a router writes into the body."""
    merged = dict(headers)
    error = body.get("error", body) if isinstance(body, dict) else None
    metadata = error.get("metadata") if isinstance(error, dict) else None
    written = metadata.get("headers") if isinstance(metadata, dict) else None
    if isinstance(written, dict):
        merged |= {str(name).lower(): str(value) for name, value in written.items()}
    return merged


def status_of(error: Any, otherwise: int) -> int:
    """Return the HTTP status that an error names; `otherwise` if it names none."""
    named = error if isinstance(error, dict) else {}
    code = next(
        (named[key] for key in ("code", "status", "type") if _is_status(named.get(key))), None
    )
    if isinstance(code, str):
        return int(code) if code.isdigit() else _STATUSES[code]
    return code if isinstance(code, int) else otherwise


def _is_status(code: object) -> bool:
    if isinstance(code, str) and code in _STATUSES:
        return True
    digits = isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3
    number = int(code) if digits and isinstance(code, str) else code
    return isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600
