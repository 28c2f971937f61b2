"""A loopback OpenAI that speaks the Responses API, streamed, as Codex asks for it."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback.wire import Loopback, Status, Text, ToolCall, Truncated

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
        """Stream a response of one item."""
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.send_header("connection", "close")
        request.end_headers()
        for event in _events(_item(body, step), str(body.get("model", ""))):
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            request.wfile.write(data.encode())
        request.wfile.flush()
        request.close_connection = True


def _item(body: dict[str, Any], step: ToolCall | Text | Truncated) -> Item:
    """Return a call of the tool that the step names, or a message."""
    if isinstance(step, ToolCall):
        space, _, name = step.name.rpartition(".")
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name}
        if space:
            call["namespace"] = space
        return {**call, "arguments": json.dumps(step.arguments), "status": "completed"}
    text = step.text if isinstance(step, Text) else "It begins well, and then"
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _events(item: Item, model: str) -> Iterator[Item]:
    response: Item = {"id": "resp_1", "object": "response", "model": model, "output": []}
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 100,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1100,
    }
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": done}
