"""Reads chat answers as servers send them: whole or in chunks, with thoughts and mistakes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.llm.called import CalledTool, Calls
from agent.llm.model import Call

_THOUGHTS = r"(?:\w{1,20}:)?(?:think|thinking|thought|reasoning)"
_THOUGHT = re.compile(
    rf"<({_THOUGHTS})>.*?(?:</\1>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)|◁think▷.*?(?:◁/think▷|\Z)"
    r"|<\|START_THINKING\|>.*?(?:<\|END_THINKING\|>|\Z)"
    r"|<\|channel>thought\b.*?(?:<channel\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
"""Thoughts of DeepSeek, Qwen and Seed, of Magistral, Kimi, Command and Gemma."""
_END_OF_THOUGHT = re.compile(
    rf"\A.*(?:</{_THOUGHTS}>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>)",
    re.DOTALL | re.IGNORECASE,
)
_FINAL_CHANNEL = re.compile(
    r"\A(?:.*<\|channel\|>\s*final\s*<\|message\|>|analysis.*assistantfinal)", re.DOTALL
)
_ANALYSIS = re.compile(
    r"<\|channel\|>\s*analysis\s*<\|message\|>.*?(?:<\|end\|>|(?=<\|start\|>|<\|channel\|>)|\Z)",
    re.DOTALL,
)
"""What gpt-oss thinks, where its server does not read its channels."""
ONLY_THOUGHT = "(the model thought, and gave no answer)"
KIND = "chat.completion"
CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
BROKEN = frozenset(
    {"abort", "aborted", "cancelled", "error", "insufficient_system_resource", "timeout"}
)
"""Reasons of an end that is the server's failure; what came until then is no answer."""
WITHHELD = ("content_filter", "safety", "recitation", "prohibited", "blocklist", "refusal")
"""Beginnings of reasons."""


@dataclass
class Answer:
    """One answer to a chat question, collected from its chunks; a whole one is one chunk."""

    text: list[str] = field(default_factory=list)
    thought: bool = False
    """Whether the server sent thoughts beside the text."""
    thoughts: list[str] = field(default_factory=list)
    """Thoughts that some servers require back in the conversation's next question."""
    tool: str = ""
    """The tool whose call is the answer; empty if every call is."""
    calls: Calls = field(default_factory=Calls)
    details: list[Any] = field(default_factory=list)
    """Thoughts in a router's own form, which it requires back unchanged."""
    finish: str = ""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    choices: int = 0
    """How many chunks had a choice; possibly none if the provider withheld the answer."""
    is_answer: bool = False
    """Whether a chunk named itself one of a chat completion."""
    ended: bool = False
    """Whether the answer is complete: a finish reason came, or the end of the stream."""
    length: int = 0
    """Characters so far."""

    def add(self, chunk: Any) -> None:
        """Add a chunk, or a whole completion."""
        if not isinstance(chunk, dict):
            return
        self.model = _text(chunk.get("model")) or self.model
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self.usage = usage
        choices = chunk.get("choices")
        kind = _text(chunk.get("object"))
        self.is_answer = self.is_answer or kind.startswith(KIND)
        self.ended = self.ended or kind == KIND
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return
        choice = choices[0]
        delta = choice.get("delta")
        whole = choice.get("message")
        if isinstance(delta, dict):
            self.choices += 1
            self._add_message(delta, self.calls.go_on)
        if isinstance(whole, dict) and not delta:
            self.choices += 1
            self.ended = True
            self._add_message(whole, self.calls.begin)
        self.finish = _text(choice.get("finish_reason")) or self.finish
        self.ended = self.ended or bool(self.finish)

    def _add_message(self, message: dict[str, Any], add: Callable[[dict[str, Any]], int]) -> None:
        """Add a message. add: adds a call of a tool, and returns its length."""
        for key in ("content", "refusal"):
            text = _content(message.get(key))
            self.text.append(text)
            self.length += len(text)
        if message.get("reasoning_content") or message.get("reasoning") or _thinks(message):
            self.thought = True
        self.thoughts.append(_text(message.get("reasoning_content")))
        details = message.get("reasoning_details")
        if isinstance(details, list):
            self.details += details
            self.length += len(str(details))
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self.length += add(call)
        old_form = message.get("function_call")
        if isinstance(old_form, dict):
            self.length += add({"function": old_form})

    @property
    def cut_off(self) -> bool:
        """Whether it ended at the limit on output tokens."""
        return self.finish.lower() in CUT_OFF

    @property
    def broke_off(self) -> bool:
        """Whether the server ended it before there was a call."""
        has_failed = self.finish.lower() in BROKEN
        return (has_failed or not self.ended) and not self.arguments

    @property
    def withheld(self) -> bool:
        """Whether the provider withheld the answer."""
        return not self.choices or self.finish.lower().startswith(WITHHELD)

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments of the first readable call; None if there is none."""
        readable = (call.arguments for call in self.calls if self._answers(call))
        return next((arguments for arguments in readable if arguments is not None), None)

    @property
    def looks(self) -> tuple[Call, ...]:
        """The calls of tools that look something up."""
        return tuple(
            Call(id=call.id or f"call_{place}", name=call.name, arguments=call.arguments or {})
            for place, call in enumerate(self._looking)
        )

    @property
    def back(self) -> dict[str, Any]:
        """What the server requires back in addition to the text and the calls of `looks`."""
        message: dict[str, Any] = {}
        thoughts = "".join(self.thoughts)
        if thoughts:
            message["reasoning_content"] = thoughts
        if self.details:
            message["reasoning_details"] = self.details
        return message

    @property
    def call_extras(self) -> tuple[Mapping[str, Any], ...]:
        """What the server requires back with each of the calls of `looks`."""
        return tuple(call.extra for call in self._looking)

    @property
    def _looking(self) -> list[CalledTool]:
        return [call for call in self.calls if not self._answers(call)]

    def _answers(self, call: CalledTool) -> bool:
        return not self.tool or call.name in ("", self.tool)

    @property
    def said(self) -> str:
        """The text without thoughts, and the arguments of calls that are not JSON."""
        visible = without_thoughts("".join(self.text))
        broken = []
        if self.arguments is None:
            broken = [call.written for call in self.calls if call.arguments is None]
        said = "\n".join(part for part in (visible, *broken) if part)
        thought_only = self.thought or "".join(self.text).strip()
        if not said and not self.calls and thought_only:
            return ONLY_THOUGHT
        return said


def without_thoughts(text: str) -> str:
    """Return a model's text without the thoughts before its answer.

    Thoughts are between tags; some servers cut off the first tag, and a model that was cut off
    never writes the second.
    """
    text = _ANALYSIS.sub("", _FINAL_CHANNEL.sub("", text))
    text = _THOUGHT.sub("", text)
    return _END_OF_THOUGHT.sub("", text).strip()


def _thinks(message: Mapping[str, Any]) -> bool:
    """Return whether a part of a message is a thought, as Mistral sends them."""
    parts = message.get("content")
    if not isinstance(parts, list):
        return False
    return any(isinstance(part, dict) and part.get("type") == "thinking" for part in parts)


def _content(value: Any) -> str:
    """Return the text of a message, which some servers send in parts."""
    if not isinstance(value, list):
        return _text(value)
    return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
