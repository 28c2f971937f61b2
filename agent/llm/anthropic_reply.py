"""Turns the answers of Anthropic's API into a Reply: whole ones, and what of one had arrived."""

import json
from typing import Any

from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import ContentBlock, Message, Usage

from agent.llm.begun import least_tokens
from agent.llm.chat_answer import ONLY_THOUGHT, without_thoughts
from agent.llm.model import DECLINED, Call, Reply, Request
from agent.llm.pricing import ANTHROPIC, cost_of
from agent.llm.slips import object_of
from agent.llm.written_calls import written

CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded"})


def so_far(stream: AsyncMessageStream, name: str) -> Reply:
    """Return the part of an answer that has arrived, with all of its input tokens."""
    try:
        message = stream.current_message_snapshot
    except AssertionError:  # it has not begun
        return Reply(model=name)
    usage = message.usage
    shown = sum(least_tokens(_text_of(block)) for block in message.content)
    output = max(_count(usage.output_tokens), shown)
    least = usage.model_copy(update={"output_tokens": output})
    return _told(_model_of(message, name), least)


def _model_of(message: Message, asked: str) -> str:
    """Return the model that answered; servers that imitate this API may not name it."""
    named: object = message.model
    return named if isinstance(named, str) and named else asked


def _text_of(block: ContentBlock) -> str:
    """Return the text of a block of an answer: prose, thoughts, or a call's arguments."""
    match block.type:
        case "text":
            return block.text
        case "thinking":
            return block.thinking
        case "tool_use":
            return json.dumps(block.input)
        case _:
            return ""


def broken_reply(stream: AsyncMessageStream, name: str, request: Request, error: str) -> Reply:
    """Return an answer whose call is not JSON, as text, so that the model can be told."""
    json_text = error.partition(" JSON: ")[2]
    block = stream.current_message_snapshot.content[-1]
    is_answer = block.type == "tool_use" and block.name == request.tool.name
    arguments = object_of(json_text) if is_answer else None
    reply = so_far(stream, name)
    return reply.model_copy(update={"text": json_text, "arguments": arguments})


def message_reply(message: Message, name: str, request: Request) -> Reply:
    """Return a whole answer as a Reply. name: the model that was asked."""
    uses = [block for block in message.content if block.type == "tool_use"]
    looks = [use for use in uses if request.tools and use.name != request.tool.name]
    answers = [use.input for use in uses if use not in looks]
    calls = [_call(use.id, use.name, use.input) for use in looks]
    text = "".join(block.text for block in message.content if block.type == "text")
    arguments = _object(answers[0]) if answers else None
    if not uses:  # servers that imitate this API may not parse what their models write
        text = without_thoughts(text) or (ONLY_THOUGHT if text.strip() else "")
        arguments, written_looks = written(text, request)
        calls += written_looks
    if not text and message.stop_reason == "refusal":
        text = DECLINED
    return _told(
        _model_of(message, name),
        message.usage,
        text=text,
        arguments=arguments,
        calls=tuple(calls),
        native=[block.to_dict() for block in message.content] if looks else None,
        cut_off=message.stop_reason in CUT_OFF,
    )


def _told(model: str, usage: Usage, **fields: Any) -> Reply:
    """Return a Reply with the tokens and cost of an answer. fields: its other fields."""
    read = _count(usage.cache_read_input_tokens)
    write = _count(usage.cache_creation_input_tokens)
    fresh = _count(usage.input_tokens)
    output = _count(usage.output_tokens)
    return Reply(
        model=model,
        **fields,
        input_tokens=fresh + read + write,
        cached_tokens=read,
        output_tokens=output,
        cost=cost_of(model, ANTHROPIC, fresh=fresh, output=output, read=read, write=write),
    )


def _count(value: object) -> int:
    """Return a number of tokens; 0 if the server did not count them."""
    return value if isinstance(value, int) and value >= 0 else 0


def _call(id: str, name: str, arguments: object) -> Call:
    return Call(id=id, name=name, arguments=_object(arguments) or {})


def _object(arguments: object) -> dict[str, Any] | None:
    """Return the arguments of a call, which some servers encode twice."""
    if isinstance(arguments, str):
        return object_of(arguments)
    return arguments if isinstance(arguments, dict) else None
