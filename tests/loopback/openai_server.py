"""A loopback OpenAI: /v1/chat/completions and /v1/models in the real wire format."""

import json
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
    send_json,
)


def model(name: str, created: int) -> dict[str, Any]:
    """Return an entry of the list of models."""
    return {"id": name, "object": "model", "created": created, "owned_by": "loopback"}


class OpenAIServer(Loopback):
    """Give `url` + `/v1` to OPENAI_BASE_URL."""

    def list_models(self, path: str) -> dict[str, Any]:
        """Return all models."""
        return {"object": "list", "data": self.models}

    def error_body(self, step: Status) -> dict[str, Any]:
        """Return `{"error": …}`, with the kind as its code."""
        return {
            "error": {"message": step.message, "type": step.kind, "param": None, "code": step.kind}
        }

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        """Send a chat completion; a truncated one announces more bytes than it sends."""
        completion = _completion(body, step)
        if body.get("stream"):
            chunks = _chunks(completion)
            if isinstance(step, Truncated):
                begun = Events(chunks[:1], then=step.then, sent=step.sent)
                return send_events(request, begun, self.over)
            return send_events(request, Events((*chunks, "[DONE]")), self.over)
        if not isinstance(step, Truncated):
            return send_json(request, 200, completion)
        whole = json.dumps(completion).encode()
        request.send_response(200)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(whole)))
        request.end_headers()
        request.wfile.write(whole[: len(whole) // 2])
        request.wfile.flush()
        request.close_connection = True
        return None


def _completion(body: dict[str, Any], step: ToolCall | Text | Truncated) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "It begins well, and then",
        "refusal": None,
    }
    usage = ToolCall("")
    reason = "stop"
    match step:
        case ToolCall(arguments, text):
            usage = step
            written = arguments if isinstance(arguments, str) else json.dumps(arguments)
            if "tools" in body:
                name = step.name or body["tools"][0]["function"]["name"]
                call = {"name": name, "arguments": written}
                message |= {
                    "content": text or None,
                    "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
                }
                reason = "tool_calls"
            else:  # asked for by a schema, or in words
                message["content"] = written
        case Text(text, cut_off):
            message["content"] = text
            reason = "length" if cut_off else "stop"
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [choice],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        },
    }


def _chunks(completion: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return a completion in pieces, as a stream has them: half a text, half the arguments."""
    about = {**completion, "object": "chat.completion.chunk"}
    usage = about.pop("usage")
    choice = about.pop("choices")[0]
    deltas: list[dict[str, Any]] = []
    for half in _halves(choice["message"]["content"] or ""):
        deltas.append({"role": "assistant", "content": half})
    for call in choice["message"].get("tool_calls", ()):
        function = call["function"]
        first, second = _halves(function["arguments"])
        begun = {**call, "index": 0, "function": {**function, "arguments": first}}
        deltas.append({"tool_calls": [begun]})
        deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": second}}]})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    chunks = [{**about, "choices": [choice]} for choice in choices]
    return (*chunks, {**about, "choices": [], "usage": usage})


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]
