"""Turns the answers of OpenAI's two APIs into a Reply: chat completions, chunks, responses."""

from collections.abc import Mapping
from typing import Any

from agent.llm.chat_answer import Answer
from agent.llm.conversation import native_message
from agent.llm.events import DONE
from agent.llm.model import DECLINED, UNREAD, Call, Reply, Request, declined
from agent.llm.patience import Transient
from agent.llm.pricing import OPENAI, cost_of, dollars_in
from agent.llm.refusals import Refusal, error_in, is_withheld, refusal_inside
from agent.llm.written_calls import written

MAX_CHARACTERS = 2**24
"""The most characters of an answer while it is collected."""


def only_answer(request: Request) -> str:
    """Return the name of the tool that answers, or "" where every call does."""
    return request.tool.name if request.tools else ""


def take(answer: Answer, data: Any) -> None:
    """Add a chunk or a whole completion to an answer; raise Refusal if it is an error."""
    if data == DONE:
        answer.ended = True
        return
    error = error_in(data)
    if error is not None:
        raise refusal_inside(error)
    answer.add(data)
    if answer.length > MAX_CHARACTERS:
        raise Transient(f"an answer of more than {MAX_CHARACTERS} characters")


def reply_of(answer: Answer, asked: str, request: Request, url: str | None) -> Reply:
    """Return a chat answer as a Reply. asked: the model that was asked."""
    model = answer.model or asked
    text = answer.said
    if not text and answer.withheld:
        text = DECLINED
    arguments, looks = _calls(answer, text, request)
    extras = answer.call_extras if answer.looks else ()
    return Reply(
        model=model,
        text=text,
        arguments=arguments,
        calls=looks,
        native=native_message(looks, text, answer.back, extras) if looks else None,
        cut_off=answer.cut_off,
        **_usage(answer.usage, model, url),
    )


def answer_in(refusal: Refusal, model: str, request: Request) -> Reply | None:
    """Return the answer that a refusal stands for, or None.

    It quotes what the model wrote, or says that this question is not answered.
    """
    if refusal.written is not None:
        answer = Answer(text=[refusal.written])
        reply = reply_of(answer, model, request, None)
        is_read = reply.arguments is not None or reply.calls
        text = reply.text if is_read else f"{UNREAD} {refusal.written}"
        return reply.model_copy(update={"text": text})
    if is_withheld(refusal.status, refusal.reason):
        return Reply(model=model, text=declined(refusal.reason))
    return None


def _calls(
    answer: Answer, text: str, request: Request
) -> tuple[dict[str, Any] | None, tuple[Call, ...]]:
    """Return the arguments of the answering call and the looks: called, or else written."""
    if answer.arguments:
        return answer.arguments, answer.looks
    arguments, looks = written(text, request)
    return arguments or answer.arguments, answer.looks or looks


def _usage(usage: Mapping[str, Any], model: str, url: str | None) -> dict[str, Any]:
    """Return the fields of a Reply that say what it used; none if the server did not count."""
    if not usage:
        return {}
    total = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    read = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    spent = _spent(total, min(read, total), _count(usage.get("completion_tokens")), model, url)
    billed = dollars_in(usage.get("cost"))  # OpenRouter's, of the provider that it chose
    return spent if billed is None else {**spent, "cost": billed}


def _spent(total: int, read: int, output: int, model: str, url: str | None) -> dict[str, Any]:
    cost = cost_of(model, OPENAI, fresh=total - read, output=output, read=read, url=url)
    return {
        "input_tokens": total,
        "cached_tokens": read,
        "output_tokens": output,
        "cost": cost,
    }


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else 0


def response_reply(
    response: Mapping[str, Any], asked: str, request: Request, url: str | None
) -> Reply:
    """Return an answer of the Responses API as a Reply. asked: the model that was asked."""
    items = [item for item in _list(response.get("output")) if isinstance(item, dict)]
    answer = Answer(tool=only_answer(request))
    for item in items:
        _add_item(answer, item)
    model = _text(response.get("model")) or asked
    incomplete = response.get("incomplete_details")
    filtered = isinstance(incomplete, dict) and incomplete.get("reason") == "content_filter"
    text = answer.said or (DECLINED if filtered else "")
    arguments, looks = _calls(answer, text, request)
    return Reply(
        model=model,
        text=text,
        arguments=arguments,
        calls=looks,
        native=[_without_nulls(item) for item in items] if answer.looks else None,
        cut_off=response.get("status") == "incomplete" and not filtered,
        **_response_usage(response.get("usage"), model, url),
    )


def _add_item(answer: Answer, item: Mapping[str, Any]) -> None:
    """Add an item of a response to an answer: a call, thoughts, or text."""
    kind = item.get("type")
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        id_ = item.get("call_id") or item.get("id")
        call = {"index": len(answer.calls), "id": id_, "function": function}
        answer.add({"choices": [{"delta": {"tool_calls": [call]}}]})
    elif kind == "reasoning":
        answer.thought = True
    elif kind == "message":
        for part in _list(item.get("content")):
            if isinstance(part, dict):
                answer.text.append(_text(part.get("text")) or _text(part.get("refusal")))


def _without_nulls(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it may be sent back: the API answers with nulls that it then refuses."""
    return {key: value for key, value in item.items() if value is not None}


def _response_usage(usage: Any, model: str, url: str | None) -> dict[str, Any]:
    """Return the fields of a Reply that say what it used; none if the server did not count."""
    if not isinstance(usage, dict):
        return {}
    total = _count(usage.get("input_tokens"))
    details = usage.get("input_tokens_details")
    read = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return _spent(total, min(read, total), _count(usage.get("output_tokens")), model, url)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
