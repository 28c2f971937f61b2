"""What providers say when they refuse: learnt from, waited for, or told with what to do."""

import json
import threading
from typing import Any

import pytest

from agent.errors import ModelAway, ModelFault, ModelLimited, ModelUnavailable
from agent.llm.anthropic import Anthropic
from agent.llm.limits import allowed_output, is_too_long
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.refusals import reason_in
from tests.agent.llm.test_dialects import GOOD, IDEA, REQUEST, asked
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Nonsense, Status, Text, ToolCall

ASKED = 16_000


@pytest.mark.parametrize(
    ("status", "words", "limit"),
    [
        (
            429,
            "Request too large for gpt-5 in organization org-x on tokens per min (TPM): Limit "
            "30000, Requested 40000. The input or output tokens must be reduced",
            6_000,
        ),
        (
            413,
            "Request too large for model `llama` on tokens per minute (TPM): Limit 12000, "
            "Requested 20000, please reduce your message size and try again.",
            8_000,
        ),
        (
            402,
            "This request requires more credits, or fewer max_tokens. You requested up to 16000 "
            "tokens, but can only afford 4800.",
            4_800,
        ),
        (
            400,
            "This endpoint's maximum context length is 131072 tokens. However, you requested about "
            "139200 tokens (122000 of text input, 1200 of tool input, 16000 in the output).",
            7_872,
        ),
        (
            400,
            "Requested token count exceeds the model's maximum context length of 8192 tokens. You "
            "requested a total of 17000 tokens: 1000 tokens from the input messages and 16000 "
            "tokens for the completion.",
            7_192,
        ),
        (
            422,
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: "
            "7000 `inputs` tokens and 16000 `max_new_tokens`",
            1_193,
        ),
        (
            400,
            "You passed 7169 input tokens and requested 16000 output tokens. However, the model's "
            "context length is only 8192 tokens, resulting in a maximum input length of 0 tokens.",
            1_023,
        ),
    ],
    ids=["openai", "groq", "openrouter-money", "openrouter", "sglang", "together", "vllm"],
)
def test_less_is_asked_for_where_a_refusal_says_how_much_is_left(
    status: int, words: str, limit: int
) -> None:
    (reply,), questions = asked([Status(status, words), GOOD])
    assert reply.arguments == IDEA
    assert [question.body["max_tokens"] for question in questions] == [ASKED, limit]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "Request too large for gpt-5 on tokens per min (TPM): Limit 10000, Requested 40000."),
        (413, "Request body too large for gpt-4o model. Max size: 8000 tokens."),
        (413, "Request Entity Too Large"),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (10)."),
        (400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768"),
        (400, "This model's maximum prompt length is 131072 but the request has 537812 tokens."),
        (400, "Invalid request: Your request exceeded model token limit: 131072"),
        (400, "Input is too long for requested model."),
        (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        (400, "Please reduce the length of the messages or completion."),
        (
            500,
            "Trying to keep the first 12000 tokens when context the overflows. However, the "
            "model is loaded with context length of only 4096 tokens, which is not enough.",
        ),
        (
            400,
            "The number of tokens to keep from the initial prompt is greater than the context "
            "length.",
        ),
    ],
)
def test_a_question_that_is_too_long_is_said_at_once(status: int, words: str) -> None:
    with pytest.raises(ModelFault, match="longer than the model's context") as caught:
        asked([Status(status, words), GOOD])
    assert type(caught.value) is ModelFault


def test_what_lm_studio_says_of_a_long_question_inside_a_stream_is_said_at_once() -> None:
    words = "Trying to keep the first 12000 tokens when context the overflows."
    body = f"event: error\ndata: {json.dumps({'error': {'message': words}, 'message': words})}\n\n"
    with pytest.raises(ModelFault, match="longer than the model's context"):
        asked([Nonsense(body, "text/event-stream"), GOOD])


@pytest.mark.parametrize(
    "words",
    [
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute"
        ". Please reduce the prompt length or the maximum tokens requested, or try again later.",
        "Too many tokens, please wait before trying again.",
        "Rate limit reached on tokens per min (TPM): Limit 10000, Used 9000, Requested 5000.",
    ],
)
def test_a_limit_by_the_minute_is_no_question_that_is_too_long(words: str) -> None:
    assert not is_too_long(words) and allowed_output(words, ASKED) is None


# ---------------------------------------------------------------- limits that lift


def limited(step: Status | Nonsense) -> ModelLimited:
    with pytest.raises(ModelLimited) as caught:
        asked([step], again=False)
    return caught.value


@pytest.mark.parametrize(
    "limit",
    [
        Status(403, "Key limit exceeded (daily limit). Manage it at https://openrouter.ai/keys"),
        Status(403, "Out of call volume quota. Quota will be replenished in 17:41:46."),
        Status(400, "You have reached your monthly usage limit."),
        Status(429, "Service tier capacity exceeded for this model.", "3505"),
        Status(429, "Rate limit exceeded: free-models-per-day. Add 10 credits"),
        Status(503, "The engine is currently overloaded, please try again later"),
        Nonsense('{"object": "error", "message": "Requests rate limit exceeded", "code": 429}'),
    ],
)
def test_a_limit_that_lifts_ends_no_run_whatever_its_status(limit: Status | Nonsense) -> None:
    fault = limited(limit)
    assert "{" not in fault.message and fault.next_command.startswith("autoresearch resume")


@pytest.mark.parametrize("status", [429, 200])
def test_the_time_that_a_router_writes_into_a_body_is_read(status: int) -> None:
    metadata = {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7200"}}
    error = {"message": "Rate limit exceeded: free-models-per-day", "code": 429}

    class Router(OpenAIServer):
        def error_body(self, step: Status) -> dict[str, Any]:
            return {"error": {**error, "metadata": metadata}}

    body = Nonsense(json.dumps({"error": {**error, "metadata": metadata}}))
    with (
        Router([Status(429) if status == 429 else body]) as server,
        pytest.raises(ModelLimited) as caught,
    ):
        patience = Patience(600.0, threading.Event(), 0.01)
        OpenAI("m", "key", patience, f"{server.url}/v1").complete(REQUEST)
    assert "free-models-per-day" in caught.value.message and len(server.questions) == 1


def test_a_model_that_an_account_may_not_ask_at_all_is_a_fault() -> None:
    words = (
        "You exceeded your current quota. Quota exceeded for metric: "
        "generate_content_free_tier_requests, limit: 0, model: gemini-pro. Please retry in 34.5s."
    )
    with pytest.raises(ModelFault, match="may not ask this model") as caught:
        asked([Status(429, words)])
    assert type(caught.value) is ModelFault


# ---------------------------------------------------------------- what is wrong for good


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "API key not valid. Please pass a valid API key."), (400, "Incorrect API key provided")],
)
def test_a_wrong_key_is_told_whatever_its_status(status: int, words: str) -> None:
    with pytest.raises(ModelFault, match="is OPENAI_API_KEY right"):
        asked([Status(status, words), GOOD])


@pytest.mark.parametrize(
    "step",
    [
        Nonsense('{"error": "Unexpected endpoint or method. (POST /chat/completions)"}'),
        Status(404, "404 page not found"),
        Status(404, "model 'gemma' not found, try pulling it first"),
    ],
    ids=["lm-studio", "ollama", "ollama-model"],
)
def test_an_address_without_its_v1_is_told_at_once(step: Status | Nonsense) -> None:
    with pytest.raises(ModelFault, match="most addresses end in /v1") as caught:
        asked([step])
    assert type(caught.value) is ModelFault


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"error": true, "message": "you lack it"}', "you lack it"),
        ('{"error": 404, "message": "you lack it"}', "you lack it"),
        ('{"errors": [{"message": "you lack it", "code": 1}], "success": false}', "you lack it"),
        ('{"error": {"error": {"message": "you lack it"}}}', "you lack it"),
        ('{"error": {"message": {"detail": "you lack it"}}}', "you lack it"),
        ('{"error": "invalid_client", "error_description": "x"}', "invalid_client"),
        ('{"code": 5}', '{"code": 5}'),
        (
            '{"message": {"detail": [{"loc": ["body", "tools", 0], "msg": "Field required"}]}}',
            "Field required: tools.0",
        ),
        ('{"error":' * 300 + "1" + "}" * 300, "no reason given"),
    ],
)
def test_reasons_stand_in_many_places(body: str, reason: str) -> None:
    assert reason_in(body) == reason


@pytest.mark.parametrize("body", ["[" * 300 + "]" * 300, '{"error":' * 300 + "1" + "}" * 300])
def test_no_depth_of_an_answer_is_a_traceback(body: str) -> None:
    with pytest.raises((ModelAway, ModelUnavailable)):
        asked([Nonsense(body)], again=False)


def test_the_place_of_what_mistral_refuses_is_learnt_from() -> None:
    refused = {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}

    class Mistral(OpenAIServer):
        def error_body(self, step: Status) -> dict[str, Any]:
            return {"object": "error", "message": {"detail": [refused]}, "code": None}

    with Mistral([Status(422), GOOD]) as server:
        patience = Patience(20.0, threading.Event(), 0.01)
        reply = OpenAI("m", "key", patience, f"{server.url}/v1").complete(REQUEST)
    assert reply.arguments == IDEA and "stream_options" not in server.questions[1].body


def stream_of(words: str) -> Nonsense:
    """Return a stream that begins well and then is an error without a status."""
    error = json.dumps({"error": {"message": words}})
    begun = json.dumps({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    return Nonsense(f"data: {begun}\n\nevent: error\ndata: {error}\n\n", "text/event-stream")


def test_what_a_stream_says_that_a_server_lacks_is_learnt_from() -> None:
    lacks = stream_of("registry.ollama.ai/library/gemma:2b does not support tools")
    (reply,), questions = asked([lacks, Text(json.dumps(IDEA))])
    assert "tools" not in questions[1].body and json.loads(reply.text) == IDEA


@pytest.mark.parametrize("words", ["No models loaded.", "model 'x' not found", "Invalid API key"])
def test_what_a_stream_says_for_good_is_not_asked_again(words: str) -> None:
    with pytest.raises(ModelFault, match=words) as caught:
        asked([stream_of(words), GOOD], again=False)
    assert type(caught.value) is ModelFault


def test_a_stream_that_fails_in_other_words_is_asked_again() -> None:
    (reply,), _ = asked([stream_of("The model has crashed. (Exit code: 11)"), GOOD])
    assert reply.arguments == IDEA


# ---------------------------------------------------------------- a tool that cannot be required


@pytest.mark.parametrize(
    "words",
    [
        "deepseek-reasoner does not support this tool_choice",
        "Thinking may not be enabled when tool_choice forces tool use.",
        "The tool_choice parameter does not support being set to required in thinking mode",
        "No endpoints found that support the provided 'tool_choice' value",
        "Invalid tool_choice type: 'required'",
    ],
)
def test_a_tool_that_cannot_be_required_is_offered(words: str) -> None:
    (reply,), questions = asked([Status(400, words), GOOD])
    assert reply.arguments == IDEA
    assert "tools" in questions[1].body and "tool_choice" not in questions[1].body


def test_a_model_that_needs_no_tool_and_answers_in_prose_is_asked_by_schema() -> None:
    steps = [Status(400, "tool_choice is not supported"), Text("Well."), Text(json.dumps(IDEA))]
    _, questions = asked(steps, questions=2)
    assert "response_format" in questions[2].body


# ---------------------------------------------------------------- Anthropic, and who imitates it


def claude(*steps: Any, models: Status | None = None) -> tuple[Any, int]:
    """Return what comes of a question whose first failure ends it, and how many were asked."""
    with AnthropicServer(steps) as server:
        server.refuse = models
        patience = Patience(20.0, threading.Event(), first_wait=40.0)
        model = Anthropic("claude-x", "key", patience, server.url)
        try:
            answer: Any = model.complete(REQUEST)
        except ModelFault as fault:
            answer = fault
    return answer, len(server.questions)


def in_stream(kind: str, words: str = "no") -> Events:
    return Events(({"type": "error", "error": {"type": kind, "message": words}},))


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("authentication_error", ModelFault),
        ("permission_error", ModelFault),
        ("invalid_request_error", ModelFault),
        ("billing_error", ModelFault),
        ("request_too_large", ModelFault),
        ("rate_limit_error", ModelLimited),
        ("overloaded_error", ModelLimited),
        ("api_error", ModelAway),
        ("something_new", ModelLimited),
    ],
)
def test_an_error_in_claudes_stream_is_what_it_says(kind: str, fault: type[ModelFault]) -> None:
    answer, _ = claude(in_stream(kind))
    assert type(answer) is fault


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
def test_a_server_that_lists_no_models_is_asked_all_the_same(status: int) -> None:
    answer, _ = claude(ToolCall(IDEA), models=Status(status, "not here"))
    assert answer.arguments == IDEA


def message(*events: dict[str, Any], usage: Any = None) -> Events:
    """Return a message of Claude's with these events in it."""
    about = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": []}
    begun = {"type": "message_start", "message": {**about, "stop_reason": None, "usage": usage}}
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    ended = {"type": "message_delta", "delta": delta, "usage": usage}
    return Events((begun, *events, ended, {"type": "message_stop"}))


def called(arguments: str) -> tuple[dict[str, Any], ...]:
    block = {"type": "tool_use", "id": "t", "name": "propose", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": arguments}
    return (
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
    )


NOTHING = {"input_tokens": None, "output_tokens": None, "cache_read_input_tokens": None}


@pytest.mark.parametrize(
    "arguments",
    [json.dumps(IDEA), json.dumps(json.dumps(IDEA)), '{"hypothesis": "a larger rate",}'],
)
def test_claudes_imitators_may_count_nothing_and_encode_twice(arguments: str) -> None:
    answer, asked_ = claude(message(*called(arguments), usage=NOTHING))
    assert (answer.arguments, answer.output_tokens, asked_) == (IDEA, 0, 1)


def test_claudes_imitators_may_leave_thoughts_and_a_call_in_the_text() -> None:
    text = "<think>propose(hypothesis='no')</think>[propose(hypothesis='a larger rate')]"
    answer, _ = claude(Text(text))
    assert answer.arguments == IDEA and "think" not in answer.text


def test_a_call_of_claudes_that_is_no_json_goes_back_to_it_and_is_not_asked_for_again() -> None:
    usage = {"input_tokens": 50, "output_tokens": 7}
    answer, asked_ = claude(message(*called('{"hypothesis": nonsense'), usage=usage))
    assert (answer.arguments, answer.text, asked_) == (None, '{"hypothesis": nonsense', 1)
    assert answer.input_tokens == 50
