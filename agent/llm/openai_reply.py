"""From what OpenAI's SDK hands over to a Reply: chat completions, their chunks, and responses."""

from collections.abc import Mapping
from typing import Any

from openai.types.responses import Response

from agent.llm.answers import Answer, call_in
from agent.llm.conversation import native_message
from agent.llm.model import Reply
from agent.llm.patience import Transient
from agent.llm.pricing import cost_of
from agent.llm.refusals import Refusal, error_in, reason_of, status_of

PRICED_AS = "openai"
FAILED = 502
"""The status of an error that comes inside an answer and names none: another try may succeed."""
MAX_CHARACTERS = 2**24
"""Of an answer while it is collected."""


def take(answer: Answer, data: Any) -> None:
    """Add a chunk or a whole completion to an answer; raise Refusal if it is an error."""
    error = error_in(data)
    if error is not None:
        raise Refusal(status_of(error, FAILED), reason_of(error), {})
    answer.add(data)
    if answer.length > MAX_CHARACTERS:
        raise Transient(f"an answer of more than {MAX_CHARACTERS} characters")


def reply_of(answer: Answer, asked: str, tool: str, url: str | None) -> Reply:
    model = answer.model or asked
    text = answer.said
    arguments = answer.arguments or call_in(text, tool)
    looks = answer.looks
    return Reply(
        model=model,
        text=text,
        arguments=arguments,
        calls=looks,
        native=native_message(looks, "".join(answer.thoughts), text) if looks else None,
        cut_off=answer.finish == "length",
        **_usage(answer.usage, model, url),
    )


def _usage(usage: Mapping[str, Any], model: str, url: str | None) -> dict[str, Any]:
    """Return the fields of a Reply that say what it used; none if the server did not count."""
    if not usage:
        return {}
    total = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    read = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return _spent(total, min(read, total), _count(usage.get("completion_tokens")), model, url)


def _spent(total: int, read: int, output: int, model: str, url: str | None) -> dict[str, Any]:
    cost = cost_of(model, PRICED_AS, fresh=total - read, output=output, read=read, url=url)
    return {
        "input_tokens": total,
        "cached_tokens": read,
        "output_tokens": output,
        "cost": cost,
    }


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else 0


def response_reply(response: Response, asked: str, url: str | None, tool: str = "") -> Reply:
    """Return what an answer of the Responses API says; tool: as in Answer."""
    answer = Answer(tool=tool)
    for item in response.output:
        if item.type == "function_call":
            function = {"name": item.name, "arguments": item.arguments}
            call = {"index": len(answer.calls), "id": item.call_id, "function": function}
            answer.add({"choices": [{"delta": {"tool_calls": [call]}}]})
        elif item.type == "reasoning":
            answer.thought = True
    answer.text.append(response.output_text)
    usage = response.usage
    model = response.model or asked
    spent = {}
    if usage:
        read = usage.input_tokens_details.cached_tokens
        spent = _spent(usage.input_tokens, read, usage.output_tokens, model, url)
    return Reply(
        model=model,
        text=answer.said,
        arguments=answer.arguments,
        calls=answer.looks,
        cut_off=response.status == "incomplete",
        **spent,
    )
