"""How to ask an OpenAI-compatible server, learned from its refusals."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from agent.llm.effort import MOST_STRETCH, Effort, easier
from agent.llm.limits import allowed_output
from agent.llm.refusals import Refusal

# How Ollama, vLLM, llama.cpp, LM Studio and OpenRouter say that they cannot do something.
_LACKS_FORM = re.compile(
    r"tool|function.?call|response_format|json_schema|grammar|structured|jinja", re.IGNORECASE
)
_LACKS = re.compile(
    r"not (?:support|implement|allow)|unsupported|unknown|unrecognized|no endpoints"
    r"|extra (?:inputs|fields)|unexpected|must be verified",
    re.IGNORECASE,
)
_MISREAD = re.compile(
    r"(?:pars|extract|decod)\w{1,4} (?:the )?(?:tool|function).?call|parse input at pos",
    re.IGNORECASE,
)
"""As Ollama and llama.cpp say that what their model wrote is no call: another answer may be one."""
MAX_MISREAD = 3
"""After so many the form of a question is changed: this model cannot write the other."""
_WANTS_RESPONSES = re.compile(r"v1/responses|responses api", re.IGNORECASE)
_ABOUT_THOUGHTS = re.compile(r"encrypted|\binclude\b|reasoning'? item", re.IGNORECASE)
_SENT_BACK = re.compile(r"reasoning_content|reasoning_details|extra_content", re.IGNORECASE)
"""Names of thoughts that some chat servers refuse to get back, and others require."""
_REFUSES = frozenset({400, 404, 405, 415, 422, 500, 501})
"""Statuses of servers that do not support what was asked."""
_TOO_MUCH = frozenset({402, 413, 429})
"""Statuses of servers that refuse the amount, and may accept less."""
_ABOUT_CHOICE = re.compile(r"tool_choice|forces? tool use", re.IGNORECASE)
Limit = Literal["max_tokens", "max_completion_tokens"]
OTHER: dict[Limit, Limit] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}


@dataclass
class Ways:
    """The best options that the server accepts. Each changes a few times at most."""

    limit: Limit
    """The name of the argument that limits output tokens."""
    form: Literal["tools", "schema", "text"] = "tools"
    """In which form the arguments are asked for."""
    required: bool = True
    """Whether a tool must be called; models that think may refuse that, and call one unforced."""
    api: Literal["chat", "responses"] = "chat"
    thoughts: bool = True
    """Whether thoughts go back to the server that sent them; over the Responses API encrypted."""
    streamed: bool = True
    counted: bool = True
    """Whether usage is asked for behind a streamed answer."""
    renamed: bool = False
    misread: int = 0
    """How often the server could not read a call that its model wrote."""
    most: int | None = None
    """The most output tokens that the server allows; None while it is not known."""
    effort: Effort | None = None
    """How hard the model is asked to think; None to leave that to it."""
    stretch: int = 1
    """Factor on the output tokens of a question, for a model that spends them on thoughts."""

    def tokens(self, asked: int) -> int:
        """Return the limit on output tokens for a question that asks for `asked`."""
        tokens = asked * self.stretch
        return tokens if self.most is None else min(tokens, self.most)

    def learn(self, refusal: Refusal, asked: int) -> bool:
        """Change the option that the server refuses. Return whether to ask again.

        asked: output tokens that the question asked for.
        """
        if refusal.status in _TOO_MUCH:
            return _tokens(self, refusal.reason, asked)
        if refusal.named and refusal.status not in _REFUSES:
            return False
        return any(lesson(self, refusal.reason, asked) for lesson in _LESSONS)

    def spent_on_thoughts(self) -> None:
        """Allow longer answers from now on, since the last one ended within its thoughts."""
        self.stretch = min(self.stretch * 2, MOST_STRETCH)


def _api(ways: Ways, reason: str, _: int) -> bool:
    if ways.api == "responses" or not _WANTS_RESPONSES.search(reason):
        return False
    ways.api = "responses"
    return True


def _thoughts(ways: Ways, reason: str, _: int) -> bool:
    about = _ABOUT_THOUGHTS if ways.api == "responses" else _SENT_BACK
    if not ways.thoughts or not about.search(reason):
        return False
    ways.thoughts = False
    return True


def _effort(ways: Ways, reason: str, _: int) -> bool:
    if ways.effort is None or not re.search(r"effort|reasoning", reason, re.IGNORECASE):
        return False
    ways.effort = easier(ways.effort)
    return True


def _name_of_limit(ways: Ways, reason: str, _: int) -> bool:
    wrong = re.search(rf"\b{ways.limit}\b", reason)
    if ways.renamed or not wrong or not _LACKS.search(reason):
        return False
    ways.limit = OTHER[ways.limit]
    ways.renamed = True
    return True


def _tokens(ways: Ways, reason: str, asked: int) -> bool:
    most = allowed_output(reason, ways.tokens(asked))
    if not most:
        return False
    ways.most = most
    return True


def _streaming(ways: Ways, reason: str, _: int) -> bool:
    if not _LACKS.search(reason):
        return False
    if ways.counted and re.search(r"stream_options|include_usage", reason):
        ways.counted = False
        return True
    if ways.streamed and re.search(r"\bstream", reason, re.IGNORECASE):
        ways.streamed = False
        return True
    return False


def _choice(ways: Ways, reason: str, _: int) -> bool:
    if ways.form != "tools" or not ways.required or not _ABOUT_CHOICE.search(reason):
        return False
    ways.required = False
    return True


def _form(ways: Ways, reason: str, _: int) -> bool:
    is_misread = bool(_MISREAD.search(reason))
    if is_misread and ways.misread < MAX_MISREAD:
        ways.misread += 1
        return True
    if ways.form == "text" or not (is_misread or _LACKS_FORM.search(reason)):
        return False
    ways.form = "schema" if ways.form == "tools" else "text"
    return True


_LESSONS: tuple[Callable[[Ways, str, int], bool], ...] = (
    _api,
    _thoughts,
    _effort,
    _name_of_limit,
    _tokens,
    _streaming,
    _choice,
    _form,
)


def chat_arguments(ways: Ways, tool: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a chat question that say in which form it is answered.

    A tool is required by that word: LM Studio knows no other way to require one, and llama.cpp
    ignores the others. more: further tools, which only a server with tools gets.
    """
    arguments: dict[str, Any] = {}
    if ways.effort:
        arguments["reasoning_effort"] = ways.effort
    if ways.streamed:
        arguments["stream"] = True
        if ways.counted:
            arguments["stream_options"] = {"include_usage": True}
    if ways.form == "tools":
        arguments["tools"] = [{"type": "function", "function": each} for each in (tool, *more)]
        if ways.required:
            arguments["tool_choice"] = "required"
    elif ways.form == "schema":
        schema = {"name": tool["name"], "schema": tool["parameters"]}
        arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
    return arguments
