"""A loopback Anthropic: /v1/messages, streamed or as JSON, and /v1/models in pages."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback.wire import (
    Events,
    Loopback,
    Status,
    Text,
    ToolCall,
    Truncated,
    send_events,
    send_json,
)

PAGE = 2
BEHIND_THE_TEXT = 3
"""Events: the end of the block, the usage with the reason, the end."""


def model(
    name: str, created_at: str, lifecycle: str = "active", thinks: dict[str, bool] | None = None
) -> dict[str, Any]:
    """Return an entry of the list of models; thinks: ways of thinking, and if it supports them."""
    ways = {way: {"supported": supported} for way, supported in (thinks or {}).items()}
    line = next((line for line in ("opus", "sonnet", "haiku") if line in name), None)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created_at,
        "line": line,
        "lifecycle": lifecycle,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": {"thinking": {"supported": bool(ways), "types": ways}},
    }


class AnthropicServer(Loopback):
    """Give `url` to ANTHROPIC_BASE_URL."""

    def list_models(self, path: str) -> dict[str, Any]:
        """Return one model by its name, or a page of PAGE models after `after_id`."""
        url = urlsplit(path)
        for entry in self.models:
            if url.path.endswith(f"/models/{entry['id']}"):
                return entry
        after = parse_qs(url.query).get("after_id", [None])[0]
        names = [entry["id"] for entry in self.models]
        first = names.index(after) + 1 if after else 0
        page = self.models[first : first + PAGE]
        more = first + PAGE < len(self.models)
        ids = [entry["id"] for entry in page] or [None]
        return {"data": page, "has_more": more, "first_id": ids[0], "last_id": ids[-1]}

    def error_body(self, step: Status) -> dict[str, Any]:
        """Return `{"type": "error", "error": …}`."""
        return {
            "type": "error",
            "error": {"type": step.kind, "message": step.message},
            "request_id": "req_loopback",
        }

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        """Send a message, streamed if the request says so."""
        message = _message(body, step)
        if not body.get("stream"):
            return send_json(request, 200, message)
        events = _events(message)
        if isinstance(step, Truncated):
            begun = tuple(events[:-BEHIND_THE_TEXT])
            return send_events(request, Events(begun, then=step.then, sent=step.sent), self.over)
        return send_events(request, Events(tuple(events)), self.over)


def _message(body: dict[str, Any], step: ToolCall | Text | Truncated) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    usage = {"input_tokens": 1000, "output_tokens": 100}
    stop = "tool_use"
    match step:
        case ToolCall():
            if step.text:
                content.append({"type": "text", "text": step.text})
            name = step.name or body["tools"][0]["name"]
            call = {"type": "tool_use", "id": "toolu_1", "name": name, "input": step.arguments}
            content.append(call)
            usage = {
                "input_tokens": step.input_tokens - step.cached_tokens,
                "cache_read_input_tokens": step.cached_tokens,
                "cache_creation_input_tokens": 0,
                "output_tokens": step.output_tokens,
            }
        case Text():
            content.append({"type": "text", "text": step.text})
            stop = "max_tokens" if step.cut_off else "end_turn"
        case Truncated():
            content.append({"type": "text", "text": "It begins well, and then"})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def _events(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a message as the events of a stream."""
    opening = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        tool = block["type"] == "tool_use"
        events.append(
            {
                "type": "content_block_start",
                "index": index,
                "content_block": {**block, "input": {}} if tool else {**block, "text": ""},
            }
        )
        text = json.dumps(block["input"]) if tool else block["text"]
        for start in range(0, len(text), 40):
            piece = text[start : start + 40]
            delta = (
                {"type": "input_json_delta", "partial_json": piece}
                if tool
                else {"type": "text_delta", "text": piece}
            )
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [
        *events,
        {"type": "message_delta", "delta": ending, "usage": usage},
        {"type": "message_stop"},
    ]
