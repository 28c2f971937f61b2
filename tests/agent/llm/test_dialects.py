"""OpenAI-compatible servers as they really answer: each slip and dialect on the wire."""

import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from agent.errors import ModelFault, ModelUnavailable
from agent.llm.chat_answer import ONLY_THOUGHT, without_thoughts
from agent.llm.limits import allowed_output, is_too_long
from agent.llm.model import Reply, Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.refusals import reason_in
from agent.llm.written_calls import call_in
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Nonsense, Received, Status, Step, Text, ToolCall

TOOL = Tool(
    name="propose",
    description="Propose.",
    parameters={"type": "object", "properties": {"hypothesis": {"type": "string"}}},
)
REQUEST = Request(system="the rules", blocks=("the source", "the ledger"), tool=TOOL)
IDEA = {"hypothesis": "a larger rate"}
GOOD = ToolCall(IDEA)
CALL = {"name": "propose", "arguments": json.dumps(IDEA)}


def asked(
    steps: Iterable[Step],
    questions: int = 1,
    seconds: float = 20.0,
    request: Request = REQUEST,
    again: bool = True,
) -> tuple[list[Reply], list[Received]]:
    """Return the replies of an own server, and what it got.

    again: whether what may pass is asked again; else its first failure ends the question.
    """
    with OpenAIServer(steps) as server:
        first_wait = 0.01 if again else 2 * seconds
        patience = Patience(seconds, threading.Event(), first_wait=first_wait)
        model = OpenAI("gemma", "sk-secret", patience, f"{server.url}/v1")
        replies = [model.complete(request) for _ in range(questions)]
    return replies, server.questions


def whole(message: dict[str, Any], finish: str = "stop", **more: Any) -> Nonsense:
    """Return a completion with this message, as the server writes it."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return Nonsense(json.dumps({"model": "gemma", "choices": [choice], **more}))


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "gemma", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_the_one_tool_is_required_by_the_word_that_every_server_knows() -> None:
    (reply,), (question,) = asked([GOOD])
    assert reply.arguments == IDEA
    assert question.body["tool_choice"] == "required"
    assert question.body["stream"] is True


# ---------------------------------------------------------------- refusals inside and outside


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Provider returned error", "code": 429}}',
        '[{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]',
        '{"choices": [{"error": {"message": "upstream", "code": 502}, "finish_reason": "error"}]}',
        '{"error": "no code at all"}',
    ],
)
def test_an_error_inside_an_answer_is_tried_again(body: str) -> None:
    (reply,), questions = asked([Nonsense(body), GOOD])
    assert reply.arguments == IDEA and len(questions) == 2


def test_an_error_inside_a_stream_is_tried_again() -> None:
    broken = Events((chunk(content="It beg"), {"error": {"message": "overloaded", "code": 529}}))
    (reply,), questions = asked([broken, GOOD])
    assert reply.arguments == IDEA and len(questions) == 2


@pytest.mark.parametrize("body", ['[{"error": {"code": 400, "message": "API key not valid"}}]'])
def test_a_refusal_inside_an_answer_is_a_fault_at_once(body: str) -> None:
    with pytest.raises(ModelFault, match="API key not valid") as caught:
        asked([Nonsense(body), GOOD])
    assert not isinstance(caught.value, ModelUnavailable)


def test_the_reason_of_a_router_and_of_what_is_behind_it_are_quoted() -> None:
    raw = json.dumps({"error": {"message": "context window exceeded by far"}})
    body = {"error": {"message": "Provider returned error", "metadata": {"raw": raw}, "code": 400}}
    with pytest.raises(ModelFault, match=r"Provider returned error \(context window exceeded"):
        asked([Nonsense(json.dumps(body)), GOOD])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"error": "Invalid tool_choice type: \'object\'"}', "Invalid tool_choice type: 'object'"),
        ('{"error": {"message": "no"}}', "no"),
        ('[{"error": {"message": "first"}}]', "first"),
        ('{"detail": [{"loc": ["body"], "msg": "Field required"}]}', "Field required"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        ("<b>busy</b>", "busy"),
        ("", "no reason given"),
        ("[" * 5_000, "[" * 5_000),
    ],
)
def test_reasons_are_read_from_bodies_of_every_form(body: str, reason: str) -> None:
    assert reason_in(body) == reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (404, "No endpoints found that support tool use. To learn more about provider routing"),
        (400, "tools are not supported by this deployment"),
    ],
)
def test_a_route_without_tools_is_asked_by_schema(code: int, words: str) -> None:
    (reply,), questions = asked([Status(code, words), Text(json.dumps(IDEA))])
    assert reply.text == json.dumps(IDEA)
    assert "response_format" in questions[1].body and "tools" not in questions[1].body


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        (
            "max_tokens is too large: 16000. This model supports at most 4096 completion tokens",
            4096,
        ),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 20000 "
            "tokens (4000 in the messages, 16000 in the completion)",
            4192,
        ),
        (
            "'max_tokens' is too large: 16000. This model's maximum context length is 8192 tokens "
            "and your request has 2000 input tokens (16000 > 8192 - 2000)",
            6192,
        ),
    ],
)
def test_a_limit_is_learnt_from_the_refusal_and_kept(words: str, limit: int) -> None:
    replies, questions = asked([Status(400, words), GOOD, GOOD], questions=2)
    assert [reply.arguments for reply in replies] == [IDEA, IDEA]
    assert [question.body["max_tokens"] for question in questions] == [16_000, limit, limit]


def test_anthropics_words_tell_a_limit_too() -> None:
    assert allowed_output("max_tokens: 16000 > 8192, which is the maximum allowed", 16_000) == 8192
    total = "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000"
    assert allowed_output(total, 16_000) == 10_000
    assert allowed_output("temperature must be at most 2", 16_000) is None


@pytest.mark.parametrize(
    "words",
    [
        "the request exceeds the available context size, try increasing it",
        "request (9000 tokens) exceeds the available context size (8192 tokens)",
        "This model's maximum context length is 8192 tokens. However, your request has 9000 input "
        "tokens. Please reduce the length",
    ],
)
def test_a_question_that_does_not_fit_is_said_to_be_too_long(words: str) -> None:
    assert is_too_long(words)
    with pytest.raises(ModelFault, match="longer than the model's context"):
        asked([Status(400, words)])


def test_the_other_name_of_the_limit_is_tried() -> None:
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    (reply,), questions = asked([Status(400, words), GOOD])
    assert reply.arguments == IDEA
    assert questions[1].body["max_completion_tokens"] == 16_000
    assert "max_tokens" not in questions[1].body


def test_a_server_without_streams_is_asked_without() -> None:
    steps = [
        Status(400, "Extra inputs are not permitted: stream_options"),
        Status(400, "streaming with tools is not supported"),
        GOOD,
    ]
    (reply,), questions = asked(steps)
    assert reply.arguments == IDEA
    assert [question.body.get("stream", False) for question in questions] == [True, True, False]


# ---------------------------------------------------------------- answers


def test_arguments_may_come_as_an_object_and_usage_as_nulls() -> None:
    usage = {"prompt_tokens": None, "completion_tokens": 12, "prompt_tokens_details": None}
    call = {"function": {"name": "propose", "arguments": IDEA}}
    message = {"content": None, "tool_calls": [call]}
    (reply,), _ = asked([whole(message, "tool_calls", usage=usage)])
    assert (reply.arguments, reply.input_tokens, reply.output_tokens) == (IDEA, 0, 12)
    streamed = Events((chunk(tool_calls=[call]), chunk("tool_calls"), {"usage": None}, "[DONE]"))
    (reply,), _ = asked([streamed])
    assert reply.arguments == IDEA


def test_two_calls_under_one_index_are_not_joined() -> None:
    first = {"index": 0, "id": "a", "function": CALL}
    second = {"index": 0, "id": "b", "function": {**CALL, "arguments": '{"hypothesis": "other"}'}}
    (reply,), _ = asked([Events((chunk(tool_calls=[first]), chunk("stop", tool_calls=[second])))])
    assert reply.arguments == IDEA


def test_what_was_thought_is_no_answer() -> None:
    draft = json.dumps({"hypothesis": "a draft"})
    thought = f"<think>Perhaps {draft}? No.</think>\n{json.dumps(IDEA)}"
    (reply,), _ = asked([whole({"content": thought})])
    assert reply.text == json.dumps(IDEA)
    (reply,), _ = asked([whole({"content": "", "reasoning_content": "Let me see"})])
    assert (reply.text, reply.arguments) == (ONLY_THOUGHT, None)


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("<think>a</think>b", "b"),
        ("no first tag</think>\nb", "b"),
        ("<think>it never ends", ""),
        ("<THINKING>a</THINKING> b <think>c</think>", "b"),
        ("[THINK]a[/THINK]b", "b"),
        ("no first mark[/THINK]b", "b"),
        ("<|START_THINKING|>a<|END_THINKING|>b", "b"),
        ("◁think▷a◁/think▷b", "b"),
        ("<|channel>thought\na<channel|>b", "b"),
        ("<seed:think>a</seed:think>b", "b"),
        ("<|channel|>analysis<|message|>x<|end|><|channel|>final<|message|>b", "b"),
        ("plain", "plain"),
    ],
)
def test_thoughts_are_cut_out(text: str, visible: str) -> None:
    assert without_thoughts(text) == visible


@pytest.mark.parametrize(
    "text",
    [
        f'<tool_call>\n{{"name": "propose", "arguments": {json.dumps(IDEA)}}}\n</tool_call>',
        f'[TOOL_CALLS][{{"name": "propose", "arguments": {json.dumps(IDEA)}}}]',
        f"I call it now. <function=propose>{json.dumps(IDEA)}</function>",
        f'{{"name": "propose", "parameters": {json.dumps(IDEA)}}}',
        f"```json\n{json.dumps({'name': 'propose', 'arguments': json.dumps(IDEA)})}\n```",
        json.dumps({"type": "function", "function": CALL}),
    ],
)
def test_a_call_that_was_written_as_text_is_a_call(text: str) -> None:
    assert call_in(text, "propose") == IDEA
    (reply,), _ = asked([whole({"content": text})])
    assert reply.arguments == IDEA


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"name": "other", "arguments": {}}', "{}"])
def test_other_texts_are_no_call(text: str) -> None:
    assert call_in(text, "propose") is None


def test_a_stream_that_breaks_off_is_asked_again() -> None:
    (reply,), questions = asked([Events((chunk(content="It begins"),)), GOOD])
    assert reply.arguments == IDEA and len(questions) == 2


def test_silence_ends_an_answer_and_length_does_not() -> None:
    pieces = [chunk(content=letter) for letter in "abcdefgh"]
    slow = Events((*pieces, chunk("stop"), "[DONE]"), seconds=0.2)
    (reply,), questions = asked([slow], seconds=3.0)
    assert reply.text == "abcdefgh", "longer than the silence of 1 s that ends a question"
    assert len(questions) == 1


def test_a_model_that_thinks_to_its_limit_may_think_longer_next_time() -> None:
    thinking = whole({"content": "<think>on and on"}, "length")
    replies, questions = asked([thinking, GOOD], questions=2)
    assert replies[0].cut_off and replies[1].arguments == IDEA
    assert [question.body["max_tokens"] for question in questions] == [16_000, 32_000]


# ---------------------------------------------------------------- the Responses API


def response(**more: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 90,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 98,
    }
    return {"id": "r", "object": "response", "model": "gpt-6", "usage": usage, **more}


def test_a_model_that_wants_the_responses_api_is_asked_by_it() -> None:
    words = "This model is only supported in v1/responses and not in v1/chat/completions."
    call = {"type": "function_call", "id": "f", "call_id": "c", **CALL}
    done = {
        "type": "response.completed",
        "sequence_number": 1,
        "response": response(status="completed", output=[call]),
    }
    replies, questions = asked([Status(404, words), Events((done,)), Events((done,))], 2)
    assert [reply.arguments for reply in replies] == [IDEA, IDEA]
    assert (replies[0].input_tokens, replies[0].cached_tokens) == (90, 40)
    paths = [question.path.removeprefix("/v1/") for question in questions]
    assert paths == ["chat/completions", "responses", "responses"], "found out once"
    body = questions[1].body
    assert (body["instructions"], body["tool_choice"]) == ("the rules", "required")
    assert body["max_output_tokens"] == 16_000 and body["store"] is False


def test_a_failed_response_is_tried_again_and_a_cut_off_one_said() -> None:
    words = "use the Responses API"
    failure = {"code": "server_error", "message": "it failed"}
    failed = {
        "type": "response.failed",
        "sequence_number": 1,
        "response": response(status="failed", output=[], error=failure),
    }
    cut = {
        "type": "response.incomplete",
        "sequence_number": 1,
        "response": response(status="incomplete", output=[]),
    }
    (reply,), questions = asked([Status(400, words), Events((failed,)), Events((cut,))])
    assert reply.cut_off and len(questions) == 3
