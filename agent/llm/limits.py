"""Limits of a server that its refusals tell: how many tokens an answer may have."""

import re

LEAST_OUTPUT = 512
"""Tokens; no proposal fits into fewer."""
_NUMBER = r"(\d[\d,]{0,11})"
_ABOUT_OUTPUT = re.compile(
    r"max_tokens|max_completion_tokens|max_output_tokens|max_new_tokens|completion tokens"
    r"|output tokens|context",
    re.IGNORECASE,
)


def _patterns(*texts: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text, re.IGNORECASE) for text in texts)


_MOST = _patterns(
    rf"supports at most {_NUMBER}",
    rf"max_(?:completion_|output_|new_)?tokens[`']?: \d+ > {_NUMBER}",
    rf"range of max_(?:completion_|output_)?tokens (?:is|should be) \[\d+, ?{_NUMBER}\]",
    rf"(?:less than or equal to|must be <=|must be at most|cannot exceed|at most) {_NUMBER}",
    rf"maximum (?:value|number of output tokens)[^\d]{{0,40}}{_NUMBER}",
    rf"supported range is from \d+ \(inclusive\) to {_NUMBER}",
)
_CONTEXT = _patterns(
    rf"maximum context length (?:is|of) {_NUMBER}",
    rf"n_ctx[\"']?[:= ]+{_NUMBER}",
    rf"available context size \({_NUMBER}",
    rf"context (?:window|length|limit)(?: size)?(?: is| of|:) {_NUMBER}",
)
_QUESTION = _patterns(
    rf"{_NUMBER} (?:tokens )?(?:in the messages|in the prompt|in messages|of text input)",
    rf"{_NUMBER} input tokens",
    rf"n_prompt_tokens[\"']?[:= ]+{_NUMBER}",
    rf"request \({_NUMBER} tokens\)",
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|prompt is too long"
    r"|exceeds? the (?:available|model'?s?) (?:maximum )?context",
    re.IGNORECASE,
)
_SUM = re.compile(rf"{_NUMBER} \+ {_NUMBER} > {_NUMBER}")
"""Anthropic's: the question, the answer, the context."""


def allowed_output(reason: str, asked: int) -> int | None:
    """Return how many output tokens a refusal leaves, fewer than `asked`; None if it tells none.

    0 means that the question alone is too long for the model's context.
    """
    if not _ABOUT_OUTPUT.search(reason):
        return None
    room = _room(reason)
    if room is None:
        room = _first(_MOST, reason)
    if room is None or room >= asked:
        return None
    return room if room >= LEAST_OUTPUT else 0


def is_too_long(reason: str) -> bool:
    """Return whether a refusal says that the question leaves no room for an answer."""
    room = _room(reason)
    if room is not None:
        return room < LEAST_OUTPUT
    return bool(_TOO_LONG.search(reason))


def _room(reason: str) -> int | None:
    """Return what the context leaves beside the question, in tokens; None if it is not told."""
    if match := _SUM.search(reason):
        return _whole(match[3]) - _whole(match[1])
    context = _first(_CONTEXT, reason)
    question = _first(_QUESTION, reason)
    if context is None or question is None:
        return None
    return context - question


def _first(patterns: tuple[re.Pattern[str], ...], reason: str) -> int | None:
    matches = (pattern.search(reason) for pattern in patterns)
    return next((_whole(match[1]) for match in matches if match), None)


def _whole(digits: str) -> int:
    return int(digits.replace(",", ""))
