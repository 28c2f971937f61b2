"""What was looked up before an answer, as OpenAI's two APIs take it, or as text."""

import json
from collections.abc import Sequence
from typing import Any

from agent.llm.model import Call, Request, Turn


def native_message(calls: Sequence[Call], thoughts: str, text: str) -> dict[str, Any]:
    """Return an answer that calls tools, as the message that its server wants back.

    thoughts: of a server that sent them, some of which refuse the next question without them.
    """
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text,
        "tool_calls": [_tool_call(call) for call in calls],
    }
    if thoughts:
        message["reasoning_content"] = thoughts
    return message


def _tool_call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def chat_messages(request: Request) -> list[dict[str, Any]]:
    """Return the turns of a question as chat messages."""
    messages: list[dict[str, Any]] = []
    for turn in request.turns:
        messages.append(turn.native or native_message(turn.calls, "", turn.text))
        for call, result in _results(turn):
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    if request.closing:
        messages.append({"role": "user", "content": request.closing})
    return messages


def response_items(request: Request) -> list[Any]:
    """Return a question with its turns as the input of the Responses API."""
    items: list[Any] = [{"role": "user", "content": "\n\n".join(request.blocks)}]
    for turn in request.turns:
        for call in turn.calls:
            items.append(
                {
                    "type": "function_call",
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": json.dumps(call.arguments),
                }
            )
        for call, result in _results(turn):
            items.append({"type": "function_call_output", "call_id": call.id, "output": result})
    if request.closing:
        items.append({"role": "user", "content": request.closing})
    return items


def as_text(request: Request) -> list[str]:
    """Return the turns of a question as text, for a server without tools."""
    parts = []
    for turn in request.turns:
        for call, result in _results(turn):
            parts.append(f"You looked at {call.name} {json.dumps(call.arguments)}:\n{result}")
    return [*parts, request.closing] if request.closing else parts


def _results(turn: Turn) -> list[tuple[Call, str]]:
    return list(zip(turn.calls, turn.results, strict=True))
