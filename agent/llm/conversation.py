"""The turns before an answer, in the form of OpenAI's two APIs, or as text."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.llm.model import Call, Request, Turn


def native_message(
    calls: Sequence[Call],
    text: str,
    back: Mapping[str, Any] | None = None,
    extras: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return an answer that calls tools as the message that its server requires back.

    back: what a server sent beside text and calls (thoughts), without which some refuse the next
    question. extras: the same of each call.
    """
    called = [
        {**(extras[place] if extras else {}), **_tool_call(call)}
        for place, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": text, "tool_calls": called, **(back or {})}


def _tool_call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def chat_messages(request: Request, thoughts: bool) -> list[dict[str, Any]]:
    """Return the turns of a question as chat messages.

    thoughts: whether what the server sent beside text and calls goes back to it.
    """
    messages: list[dict[str, Any]] = []
    for turn in request.turns:
        native = turn.native if thoughts and isinstance(turn.native, dict) else None
        messages.append(native or native_message(turn.calls, turn.text))
        for call, result in _results(turn):
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    if request.closing:
        messages.append({"role": "user", "content": request.closing})
    return messages


def response_items(request: Request, thoughts: bool) -> list[Any]:
    """Return a question with its turns as the input of the Responses API.

    thoughts: whether what the model thought goes back to it, encrypted by its provider.
    """
    items: list[Any] = [{"role": "user", "content": "\n\n".join(request.blocks)}]
    for turn in request.turns:
        items += _said_items(turn, thoughts)
        for call, result in _results(turn):
            items.append({"type": "function_call_output", "call_id": call.id, "output": result})
    if request.closing:
        items.append({"role": "user", "content": request.closing})
    return items


def _said_items(turn: Turn, thoughts: bool) -> list[Any]:
    """Return an answer as items: as they arrived, or rebuilt for an answer of another API."""
    if not isinstance(turn.native, list):
        return [_function_call(call) for call in turn.calls]
    return [item for item in turn.native if thoughts or item.get("type") != "reasoning"]


def _function_call(call: Call) -> dict[str, Any]:
    arguments = json.dumps(call.arguments)
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def as_text(request: Request) -> list[str]:
    """Return the turns of a question as text, for a server without tools."""
    parts = []
    for turn in request.turns:
        for call, result in _results(turn):
            parts.append(f"You looked at {call.name} {json.dumps(call.arguments)}:\n{result}")
    return [*parts, request.closing] if request.closing else parts


def _results(turn: Turn) -> list[tuple[Call, str]]:
    return list(zip(turn.calls, turn.results, strict=True))
