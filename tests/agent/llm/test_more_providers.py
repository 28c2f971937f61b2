"""Answers of providers that are neither good nor a plain failure, each on the wire."""

import json
import threading
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited
from agent.llm.anthropic import Anthropic
from agent.llm.chat_answer import ONLY_THOUGHT
from agent.llm.faults import fault_of
from agent.llm.model import DECLINED, UNREAD, Reply
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.refusals import is_withheld, reason_in
from sandbox.ground.redaction import redacted, without
from tests.agent.llm.test_called import reply_to
from tests.agent.llm.test_dialects import GOOD, IDEA, REQUEST, asked, chunk, whole
from tests.loopback.anthropic_server import AnthropicServer, _events, _message
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Nonsense, Received, Status, Text, ToolCall

ARGUMENTS = json.dumps(IDEA)
DRAFT = '{"hypothesis": "a draft", "edits": []}'


class Refusing(OpenAIServer):
    """Answers a Status with its message as the whole body, which is JSON of any form."""

    def error_body(self, step: Status) -> Any:
        return json.loads(step.message)


def refused(status: int, body: Any, *then: Any, questions: int = 1) -> list[Reply]:
    """Return the replies of a server whose first answer is an error with this body."""
    steps = [Status(status, json.dumps(body)), *then]
    with Refusing(steps) as server:
        patience = Patience(20.0, threading.Event(), first_wait=40.0)
        model = OpenAI("gemma", "sk-secret", patience, f"{server.url}/v1")
        replies = [model.complete(REQUEST) for _ in range(questions)]
        assert all("tools" in question.body for question in server.questions)
    return replies


# ---------------------------------------------------------------- ends that are failures


@pytest.mark.parametrize(
    "finish", ["error", "abort", "insufficient_system_resource", "timeout", "cancelled"]
)
def test_what_a_server_gave_up_is_asked_again(finish: str) -> None:
    """As Mistral, vLLM, SGLang, DeepSeek and OpenRouter end an answer that they could not give."""
    given_up = Events((chunk(content="It beg"), chunk(finish), "[DONE]"))
    (reply,), questions = asked([given_up, GOOD])
    assert reply.arguments == IDEA and len(questions) == 2


def test_a_call_that_was_complete_before_the_end_is_taken() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "propose", "arguments": ARGUMENTS}}
    (reply,), questions = asked([Events((chunk(tool_calls=[call]), chunk("error"), "[DONE]"))])
    assert reply.arguments == IDEA and len(questions) == 1


# ---------------------------------------------------------------- what a server could not read


def unread(written: str, message: str = "Failed to call a function.") -> dict[str, Any]:
    code = "tool_use_failed"
    return {"error": {"message": message, "code": code, "failed_generation": written}}


def test_a_call_that_groq_could_not_read_is_read() -> None:
    (reply,) = refused(400, unread(f"<function=propose>{ARGUMENTS}</function>"))
    assert reply.arguments == IDEA


def test_a_call_that_groq_could_not_read_in_a_stream_is_read() -> None:
    event = json.dumps(unread(f"<function=propose>{ARGUMENTS}"))
    (reply,), _ = asked([Nonsense(f"event: error\ndata: {event}\n\n", "text/event-stream")])
    assert reply.arguments == IDEA


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "Failed to generate JSON."),
        ('{"name": "json"}', "attempted to call tool 'json' which was not in request.tools"),
        ("I would rather talk.", "Failed to call a function."),
    ],
)
def test_a_call_that_is_none_goes_back_and_the_tools_stay(written: str, message: str) -> None:
    first, second = refused(400, unread(written, message), GOOD, questions=2)
    assert first.arguments is None and first.text == f"{UNREAD} {written}"
    assert second.arguments == IDEA


@pytest.mark.parametrize(
    "words",
    [
        "error parsing tool call: raw='{', err=unexpected end of JSON input",
        "Failed to parse input at pos 53",
    ],
    ids=["ollama", "llama.cpp"],
)
def test_a_call_that_a_server_could_not_read_is_asked_for_again_before_the_tools_go(
    words: str,
) -> None:
    misread = Status(500, words)
    (reply,), questions = asked([misread, misread, GOOD])
    assert reply.arguments == IDEA and "tools" in questions[-1].body
    (reply,), questions = asked([misread] * 4 + [Text(ARGUMENTS)])
    assert reply.text == ARGUMENTS and "tools" in questions[-2].body
    assert "response_format" in questions[-1].body


def test_an_account_that_may_not_stream_is_asked_without() -> None:
    words = "Your organization must be verified to stream this model."
    (reply,), questions = asked([Status(400, words), GOOD])
    assert reply.arguments == IDEA and not questions[-1].body.get("stream")


# ---------------------------------------------------------------- what is not answered

AZURE = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry."
)
WITHHELD = [
    (400, {"error": {"message": AZURE, "code": "content_filter", "status": 400}}),
    (
        400,
        {
            "error": {
                "message": "Invalid prompt: your prompt was flagged as potentially violating our "
                "usage policy.",
                "code": "invalid_prompt",
            }
        },
    ),
    (400, {"error": {"message": "Invalid prompt: we've limited access to this content."}}),
    (
        403,
        {
            "error": {
                "message": "Your chosen model requires moderation and your input was flagged",
                "metadata": {"reasons": ["violence"]},
            }
        },
    ),
    (403, {"code": "denied", "error": "Content violates usage guidelines. SAFETY_CHECK_TYPE_X"}),
]


@pytest.mark.parametrize(("status", "body"), WITHHELD)
def test_a_question_that_is_filtered_is_no_fault_of_the_key(status: int, body: Any) -> None:
    first, second = refused(status, body, GOOD, questions=2)
    assert first.text == f"{DECLINED}: {reason_in(json.dumps(body))}"
    assert first.arguments is None and second.arguments == IDEA


def test_claudes_filter_is_no_fault_either() -> None:
    filtered = Status(400, "Output blocked by content filtering policy", "invalid_request_error")
    with AnthropicServer([filtered]) as server:
        model = Anthropic("claude-x", "key", Patience(20.0, threading.Event()), server.url)
        assert model.complete(REQUEST).text.startswith(f"{DECLINED}: Output blocked")


@pytest.mark.parametrize(
    "words",
    [
        "Unknown parameter: content",
        "This account was suspended",
        "Invalid API key",
        "max_tokens is too large",
        "your access was terminated",
    ],
)
def test_other_refusals_are_no_filters(words: str) -> None:
    assert not is_withheld(400, words)


# ---------------------------------------------------------------- statuses and words


def fault(status: int, body: Any) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        refused(status, body)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (498, {"error": {"message": "Flex tier capacity exceeded."}}),
        (429, {"detail": "(ThrottlingException) Too many tokens, please wait before trying again"}),
        (400, {"__type": "ThrottlingException", "Message": "Rate exceeded"}),
        (500, {"detail": "An error occurred (ThrottlingException): Too many tokens per day"}),
    ],
    ids=["groq-flex", "bedrock", "aws", "bedrock-as-500"],
)
def test_a_limit_is_one_by_any_status(status: int, body: Any) -> None:
    assert isinstance(fault(status, body), ModelLimited)


def test_a_generation_that_failed_at_tgi_is_tried_again() -> None:
    body = {"error": "Request failed during generation: CANCELLED", "error_type": "generation"}
    with Refusing([Status(424, json.dumps(body)), GOOD]) as server:
        model = OpenAI("m", "k", Patience(20.0, threading.Event(), 0.01), f"{server.url}/v1")
        assert model.complete(REQUEST).arguments == IDEA


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"code": "denied", "error": "Your newly created team doesn't have any credits yet."}),
        (402, {"error": {"message": "Insufficient Balance"}}),
        (400, {"error": {"message": "ExceededBudget: User=u over budget. Spend=10.2"}}),
    ],
    ids=["xai", "deepseek", "litellm"],
)
def test_an_account_without_money_is_called_so(status: int, body: Any) -> None:
    assert "no credit left" in fault(status, body).message


@pytest.mark.parametrize("status", [403, 422])
def test_what_together_and_tgi_say_of_a_long_question_is_not_about_the_key(status: int) -> None:
    words = "Input validation error: `inputs` must have less than 8193 tokens. Given: 10000"
    assert "longer than the model's context" in fault(status, {"error": words}).message


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Invalid model: gemma"),
        (400, "Unsupported model gemma, please use models API to get a list"),
        (400, "The requested model 'x' is not supported by any provider you have enabled."),
        (410, "Model deprecated"),
    ],
    ids=["mistral", "bedrock", "hugging-face", "sambanova"],
)
def test_a_model_that_is_not_there_is_looked_up_next(status: int, words: str) -> None:
    assert fault(status, {"message": words}).next_command == "autoresearch models"


def test_the_reason_of_other_forms_of_json_is_read() -> None:
    assert fault(400, {"title": "No such field", "status": 400}).message.endswith("No such field")


# ---------------------------------------------------------------- calls written as text


@pytest.mark.parametrize(
    "text",
    [
        f"<|start|>assistant to=functions.propose<|channel|>commentary json<|message|>{ARGUMENTS}",
        f"<|channel|>analysis<|message|>Like {DRAFT}?<|end|><|start|>assistant<|channel|>commentary"
        f" to=functions.propose <|constrain|>json<|message|>{ARGUMENTS}<|call|>",
        '<｜DSML｜function_calls><｜DSML｜invoke name="propose">'
        '<｜DSML｜parameter name="hypothesis" string="true">'
        "a larger rate</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>",
    ],
    ids=["gpt-oss", "gpt-oss-thinking", "deepseek"],
)
def test_a_call_in_the_models_own_marks_is_read(text: str) -> None:
    assert reply_to(whole({"content": text})).arguments == IDEA


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        (f"<|channel|>analysis<|message|>Perhaps {DRAFT}", ONLY_THOUGHT),
        (f"analysisPerhaps {DRAFT}.assistantfinal{ARGUMENTS}", ARGUMENTS),
    ],
)
def test_what_gpt_oss_thinks_is_no_answer(text: str, visible: str) -> None:
    assert reply_to(whole({"content": text})).text == visible


# ---------------------------------------------------------------- Azure


def keys_at(path: str, key: str, *before: Status) -> Received:
    """Return the last question. before: answers before the good one."""
    with OpenAIServer([*before, GOOD]) as server:
        model = OpenAI("gpt", key, Patience(20.0, threading.Event()), f"{server.url}{path}")
        assert model.complete(REQUEST).arguments == IDEA
    return server.questions[-1]


@pytest.mark.parametrize(
    "path", ["/openai/deployments/gpt?api-version=2024-10-21", "/openai/v1?api-version=preview"]
)
def test_an_address_of_azure_with_a_version_gets_the_key_as_it_wants_it(path: str) -> None:
    question = keys_at(path, "an-azure-key")
    assert question.headers["api-key"] == "an-azure-key"
    assert "authorization" not in question.headers
    assert question.path == path.replace("?", "/chat/completions?")


def test_a_redirect_of_azure_gets_the_key_too() -> None:
    elsewhere = "/openai/elsewhere?api-version=1"
    moved = Status(307, headers={"location": elsewhere})
    question = keys_at("/openai/deployments/gpt?api-version=1", "an-azure-key", moved)
    assert question.path == elsewhere
    assert question.headers["api-key"] == "an-azure-key"


@pytest.mark.parametrize(
    ("path", "key"), [("/openai/deployments/gpt?api-version=1", "eyJtoken"), ("/openai/v1", "key")]
)
def test_tokens_and_other_addresses_are_asked_as_ever(path: str, key: str) -> None:
    question = keys_at(path, key)
    assert question.headers["authorization"] == f"Bearer {key}"
    assert "api-key" not in question.headers


def test_a_wrong_address_of_azure_is_told_in_its_terms() -> None:
    fault = fault_of(404, "Resource not found", {}, "OpenAI", "", "lab.openai.azure.com")
    assert "/openai/v1" in str(fault) and "--model DEPLOYMENT" in str(fault)


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "quoted",
    [
        "sk/se+cret==long-enough",
        "sk%2Fse%2Bcret%3D%3Dlong-enough",
        "sk/se+cret==long-en...",
        "sk/se+cret=",
    ],
    ids=["whole", "in-an-address", "cut", "half"],
)
def test_a_key_is_in_no_message_in_whatever_form_a_server_quotes_it(quoted: str) -> None:
    key = "sk/se+cret==long-enough"
    with OpenAIServer([Status(401, f"unknown key {quoted}")]) as server:
        model = OpenAI("m", key, Patience(20.0, threading.Event()), f"{server.url}/v1")
        with pytest.raises(ModelFault, match="unknown key") as caught:
            model.complete(REQUEST)
    assert "cret" not in caught.value.message


def test_a_key_that_is_a_word_changes_no_message() -> None:
    assert without("an unused name", "unused") == "an unused name"


@pytest.mark.parametrize(
    "key",
    [
        "gsk_" + "a1B2" * 8,
        "xai-" + "a1B2" * 10,
        "nvapi-" + "a1-_" * 10,
        "pplx-" + "a1b2" * 10,
        "r8_" + "a1B2" * 9,
        "npm_" + "a1B2" * 9,
        "fw_" + "a1B2" * 6,
        "tgp_v1_" + "a1-_" * 10,
        "sk_live_" + "a1B2" * 6,
        "lsv2_pt_" + "a1b2" * 8 + "_" + "0a" * 5,
        "csk-" + "a1b2" * 12,
        "dapi" + "0123456789abcdef" * 2,
        "ya29." + "a1-_" * 10,
    ],
)
def test_keys_of_further_shapes_are_removed_from_every_text(key: str) -> None:
    assert (
        redacted(f"it printed {key}, and went on", {}) == "it printed [redacted key], and went on"
    )


@pytest.mark.parametrize(
    "text",
    [
        "fw_compute_gradient_accumulation",
        "npm_install_everything_again_now",
        "xai-explanations-for-transformers",
        "sk_live_stream_of_many_batches",
        "r8_quantisedweightsofallofthelayers",
        "pypi-publish-to-the-index-again",
    ],
)
def test_names_that_only_begin_like_keys_stay(text: str) -> None:
    assert redacted(text, {}) == text


# ---------------------------------------------------------------- imitations of Anthropic


@pytest.mark.parametrize("name", [None, ""])
def test_a_server_need_not_name_the_model_that_it_was_asked_for(name: str | None) -> None:
    message = _message({"model": name}, ToolCall(IDEA, name="propose"))
    with AnthropicServer([Events(tuple(_events(message))), GOOD]) as server:
        patience = Patience(20.0, threading.Event(), first_wait=0.01)
        reply = Anthropic("claude-opus-4-6", "k", patience, server.url).complete(REQUEST)
    assert (reply.arguments, reply.model) == (IDEA, "claude-opus-4-6")
    assert reply.cost
