"""Reads a chat answer as servers really send it: whole or in chunks, with thoughts and slips."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.llm.model import Call

_THOUGHTS = r"think|thinking|thought|reasoning"
_THOUGHT = re.compile(rf"<({_THOUGHTS})>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(rf"\A.*</(?:{_THOUGHTS})>", re.DOTALL | re.IGNORECASE)
_FINAL_CHANNEL = re.compile(r"\A.*<\|channel\|>\s*final\s*<\|message\|>", re.DOTALL)
_CALL = re.compile(
    r"<tool_call>|\[TOOL_CALLS\]|<function=(?P<name>[\w.-]{1,64})>|<\|python_tag\|>|<\|tool_call\|>"
)
"""How models write a call into the text where the server does not read it for them."""
ONLY_THOUGHT = "(the model thought, and gave no answer)"


@dataclass
class _Call:
    """One call of a tool, as far as it has arrived."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: dict[str, Any] | None = None
    """Arguments that came as an object, as some servers send them."""

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments; None if they are no JSON object."""
        return self.whole if self.whole is not None else _object("".join(self.pieces))


@dataclass
class Answer:
    """One answer to a chat question, collected from its chunks; a whole one is one chunk."""

    text: list[str] = field(default_factory=list)
    thought: bool = False
    """Whether the server sent thoughts beside the text."""
    thoughts: list[str] = field(default_factory=list)
    """Those that some servers want back in the next question of a conversation."""
    tool: str = ""
    """The one whose call is the answer; empty where there is no other."""
    calls: list[_Call] = field(default_factory=list)
    finish: str = ""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    choices: int = 0
    """How many chunks had a choice; 0 means that this is no chat completion."""
    length: int = 0
    """Characters so far."""

    def add(self, chunk: Any) -> None:
        """Take one chunk, or a whole completion."""
        if not isinstance(chunk, dict):
            return
        self.model = _text(chunk.get("model")) or self.model
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self.usage = usage
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return
        choice = choices[0]
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, dict):
            self.choices += 1
            self._add_message(message)
        self.finish = _text(choice.get("finish_reason")) or self.finish

    def _add_message(self, message: dict[str, Any]) -> None:
        for key in ("content", "refusal"):
            text = _content(message.get(key))
            self.text.append(text)
            self.length += len(text)
        if message.get("reasoning_content") or message.get("reasoning"):
            self.thought = True
        self.thoughts.append(_text(message.get("reasoning_content")))
        calls = message.get("tool_calls")
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                self._add_call(call, place)
        old_form = message.get("function_call")
        if isinstance(old_form, dict):
            self._add_call({"function": old_form}, 0)

    def _add_call(self, piece: dict[str, Any], place: int) -> None:
        """Add a piece to the call that it continues; an id of its own begins another one."""
        index = piece.get("index")
        index = index if isinstance(index, int) else place
        id_ = _text(piece.get("id"))
        begins = index >= len(self.calls) or (id_ and id_ != self.calls[-1].id)
        if begins:
            self.calls.append(_Call(id_))
        call = self.calls[-1] if begins else self.calls[max(0, index)]
        function = piece.get("function")
        if not isinstance(function, dict):
            return
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            call.whole = arguments
        else:
            call.pieces.append(_text(arguments))
            self.length += len(_text(arguments))

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments of the first readable call; None if there is none."""
        readable = (call.arguments for call in self.calls if self._answers(call))
        return next((arguments for arguments in readable if arguments is not None), None)

    @property
    def looks(self) -> tuple[Call, ...]:
        """The calls of tools that look something up."""
        looks = [call for call in self.calls if not self._answers(call)]
        return tuple(
            Call(id=call.id or f"call_{place}", name=call.name, arguments=call.arguments or {})
            for place, call in enumerate(looks)
        )

    def _answers(self, call: _Call) -> bool:
        return not self.tool or call.name in ("", self.tool)

    @property
    def said(self) -> str:
        """The text without thoughts; with the arguments of calls that are no JSON."""
        visible = without_thoughts("".join(self.text))
        broken = [] if self.arguments else ["".join(call.pieces) for call in self.calls]
        said = "\n".join(part for part in (visible, *broken) if part)
        thought_only = self.thought or "".join(self.text).strip()
        if not said and not self.calls and thought_only:
            return ONLY_THOUGHT
        return said


def without_thoughts(text: str) -> str:
    """Return a model's text without what it thought before its answer.

    Thoughts are between tags; some servers cut off the first tag, and a model that was cut off
    never writes the second.
    """
    text = _FINAL_CHANNEL.sub("", text)
    text = _THOUGHT.sub("", text)
    return _END_OF_THOUGHT.sub("", text).strip()


def call_in(text: str, tool: str) -> dict[str, Any] | None:
    """Return the arguments of a call of `tool` that a model wrote into its text, or None.

    Known forms: `<tool_call>{"name": …, "arguments": …}`, `[TOOL_CALLS][{…}]`,
    `<function=NAME>{…}`, and the object alone.
    """
    mark = _CALL.search(text)
    behind = text[mark.end() :] if mark else text
    value = _first_value(behind)
    if mark and mark["name"] == tool and isinstance(value, dict):
        return value
    for call in value if isinstance(value, list) else [value]:
        arguments = _arguments_of(call, tool)
        if arguments is not None:
            return arguments
    return None


def _arguments_of(call: Any, tool: str) -> dict[str, Any] | None:
    if not isinstance(call, dict):
        return None
    if isinstance(call.get("function"), dict):
        call = call["function"]
    if call.get("name") != tool:
        return None
    for key in ("arguments", "parameters", "input"):
        arguments = call.get(key)
        if isinstance(arguments, str):
            arguments = _object(arguments)
        if isinstance(arguments, dict):
            return arguments
    return None


def object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text begins with, behind blanks and a fence; else None."""
    value = _first_value(text)
    return value if isinstance(value, dict) else None


def _first_value(text: str) -> Any:
    """Return the JSON value that the text begins with, behind blanks and a fence; else None."""
    text = text.lstrip().removeprefix("```json").removeprefix("```").lstrip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _content(value: Any) -> str:
    """Return the text of a message, which some servers send in parts."""
    if not isinstance(value, list):
        return _text(value)
    return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
