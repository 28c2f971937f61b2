"""A loopback OpenAI that speaks the Responses API, streamed, as Codex and our own client ask it."""

import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback.wire import (
    Events,
    Loopback,
    Status,
    Text,
    ToolCall,
    Truncated,
    send_events,
)

Item = dict[str, Any]


class ResponsesServer(Loopback):
    """Give `url` + `/v1` as the base URL of a provider."""

    def list_models(self, path: str) -> dict[str, Any]:
        """Return all models."""
        return {"object": "list", "data": self.models}

    def error_body(self, step: Status) -> dict[str, Any]:
        """Return `{"error": …}`, with the kind as its code."""
        return {"error": {"message": step.message, "type": step.kind, "code": step.kind}}

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        """Stream a response of one item; a truncated one ends before it is complete."""
        events = streamed((_item(step),), str(body.get("model", "")), _usage(step))
        if isinstance(step, Truncated):
            begun = Events(events[:-1], then=step.then, sent=step.sent)
            return send_events(request, begun, self.over)
        return send_events(request, Events(events), self.over)


def thoughts(text: str) -> Item:
    """Return what a model thought, which only its provider can read."""
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": text}


def call(name: str, arguments: dict[str, Any], id: str = "1") -> Item:
    """Return a call of a tool."""
    known = {"type": "function_call", "id": f"fc_{id}", "call_id": f"call_{id}", "name": name}
    return {**known, "arguments": json.dumps(arguments), "status": "completed"}


def message(*parts: Item) -> Item:
    """Return a message of these parts."""
    known = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return {**known, "content": list(parts)}


def text(said: str) -> Item:
    """Return the part of a message that is text."""
    return {"type": "output_text", "text": said, "annotations": []}


def used(input_tokens: int = 1000, cached_tokens: int = 0, output_tokens: int = 100) -> Item:
    """Return what a response used."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def streamed(
    items: Sequence[Item], model: str, usage: Item | None, status: str = "completed", **more: Any
) -> tuple[Item, ...]:
    """Return the events of a response: each item, and all of them at its end."""
    known: Item = {"id": "resp_1", "object": "response", "model": model, "output": []}
    begun = {**known, "status": "in_progress", "usage": None}
    events: list[Item] = [{"type": "response.created", "response": begun}]
    for place, item in enumerate(items):
        about = {"output_index": place, "item": item}
        events.append({"type": "response.output_item.added", **about})
        events.append({"type": "response.output_item.done", **about})
    ended = {**known, "status": status, "output": list(items), "usage": usage, **more}
    events.append({"type": f"response.{status}", "response": ended})
    return tuple({**event, "sequence_number": number} for number, event in enumerate(events))


def _item(step: ToolCall | Text | Truncated) -> Item:
    """Return a call of the tool that the step names, or a message."""
    if not isinstance(step, ToolCall):
        return message(text(step.text if isinstance(step, Text) else "It begins well, and then"))
    assert isinstance(step.arguments, dict)
    space, _, name = step.name.rpartition(".")
    called = call(name, step.arguments)
    return {**called, "namespace": space} if space else called


def _usage(step: ToolCall | Text | Truncated) -> Item:
    if not isinstance(step, ToolCall):
        return used()
    return used(step.input_tokens, step.cached_tokens, step.output_tokens)
