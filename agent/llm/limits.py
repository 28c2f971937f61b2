"""Reads a server's limits from its refusals: how many tokens an answer may have."""

import re

LEAST_OUTPUT = 512
"""Tokens that a proposal needs at least."""
_NUMBER = r"(\d[\d,]{0,11})"
_ABOUT_OUTPUT = re.compile(
    r"max_tokens|max_completion_tokens|max_output_tokens|max_new_tokens|completion tokens"
    r"|output tokens|context|`inputs` tokens|tokens per|can only afford",
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
    rf"can only afford {_NUMBER}",
)
_CONTEXT = _patterns(
    rf"maximum context length (?:is|of) {_NUMBER}",
    rf"n_ctx[\"']?[:= ]+{_NUMBER}",
    rf"available context size \({_NUMBER}",
    rf"context (?:window|length|limit)(?: size)?(?: is| of|:)?(?: only)? \(?{_NUMBER}",
    rf"`inputs` tokens \+ `max_new_tokens` must be <= {_NUMBER}",
    rf"too large for model with {_NUMBER}",
)
_QUESTION = _patterns(
    rf"{_NUMBER} (?:tokens )?(?:in the messages|in the prompt|in messages|of text input)",
    rf"{_NUMBER} input tokens",
    rf"n_prompt_tokens[\"']?[:= ]+{_NUMBER}",
    rf"(?:request|input) \({_NUMBER} tokens\)",
    rf"{_NUMBER} tokens from the input",
    rf"{_NUMBER} `inputs` tokens",
    rf"prompt contains {_NUMBER} tokens",
    rf"resulted in {_NUMBER} tokens",
)
_REQUESTED = _patterns(rf"requested (?:about |a total of )?{_NUMBER}")
"""Tokens of the question and the answer together."""
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|(?:prompt|input) is too long"
    r"|exceeds? the (?:available |model'?s? )?(?:maximum )?context"
    r"|ran out of room in the model'?s context"
    r"|request(?: body)? too large|request_too_large|exceeds the maximum (?:size|number of tokens)"
    r"|longer than the model'?s context|too large for model with|maximum prompt length"
    r"|exceeded model token limit|context window exceeds limit"
    r"|reduce the length of the (?:messages|input|prompt)"
    r"|must have less than \d{1,9} tokens"
    r"|tokens to keep from the initial prompt|keep the first \d+ tokens",
    re.IGNORECASE,
)
"""As OpenAI, Anthropic, Bedrock, Gemini, Mistral, xAI, Moonshot, Groq, GitHub, vLLM, SGLang,
TGI, llama.cpp and LM Studio say it."""
_MINUTE = re.compile(rf"limit:? {_NUMBER}, requested:? {_NUMBER}", re.IGNORECASE)
"""OpenAI's and Groq's, of a question that is larger than what an account may ask in a minute."""
_SUM = re.compile(rf"{_NUMBER} \+ {_NUMBER} > {_NUMBER}")
"""Anthropic's: the question, the answer, the context."""


def allowed_output(reason: str, asked: int) -> int | None:
    """Return the output tokens that a refusal allows, fewer than `asked`; None if it names none.

    0 means that the question alone is too long for the model's context.
    """
    if not _ABOUT_OUTPUT.search(reason):
        return None
    room = _room_of_both(reason, asked)
    if room is None:
        room = _room(reason)
    if room is None:
        room = _first(_MOST, reason)
    if room is None or room >= asked:
        return None
    return room if room >= LEAST_OUTPUT else 0


def is_too_long(reason: str) -> bool:
    """Return whether a refusal says that the question alone fills the model's context."""
    room = _room(reason)
    if room is not None:
        return room < LEAST_OUTPUT
    return bool(_TOO_LONG.search(reason))


def _room_of_both(reason: str, asked: int) -> int | None:
    """Return the tokens left for an answer if the refusal counts the question with `asked`."""
    if match := _MINUTE.search(reason):
        return _whole(match[1]) - (_whole(match[2]) - asked)
    context = _first(_CONTEXT, reason)
    requested = _first(_REQUESTED, reason)
    if context is None or requested is None or requested <= asked:
        return None
    return context - (requested - asked)


def _room(reason: str) -> int | None:
    """Return the tokens that the context leaves for an answer; None if they are not named."""
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
