"""Refusals in the words of the providers: each is told as what it is, with what to do."""

import json
import threading

import pytest

from agent.errors import ModelFault
from agent.llm.anthropic import Anthropic
from agent.llm.dialects import failure_of
from agent.llm.faults import fault_of
from agent.llm.patience import Patience, Transient
from agent.llm.reasons import WORDS, Kind
from agent.llm.refusals import is_withheld, reason_in
from tests.agent.llm.test_dialects import GOOD, REQUEST, asked
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.wire import Nonsense, Status

_KEY = {"OpenAI": "is OPENAI_API_KEY right?", "Anthropic": "is ANTHROPIC_API_KEY right?"}


@pytest.mark.parametrize(
    ("who", "status", "words", "kind"),
    [
        ("Anthropic", 401, "invalid x-api-key", "key"),
        ("Anthropic", 400, "This credential is only authorized for use with Claude Code.", "key"),
        ("Anthropic", 400, "Your credit balance is too low to access the Anthropic API.", "money"),
        ("Anthropic", 403, "Request not allowed", "place"),
        ("Anthropic", 403, "Your API key does not have permission to use the resource", "grant"),
        ("Anthropic", 400, "This organization has been disabled.", "account"),
        ("Anthropic", 429, "Extra usage is required for long context requests.", "never"),
        ("Anthropic", 400, "prompt is too long: 215000 tokens > 200000 maximum", "long"),
        ("OpenAI", 403, "Country, region, or territory not supported", "place"),
        ("OpenAI", 403, "Project `p` does not have access to model `gpt-4`", "model"),
        (
            "OpenAI",
            401,
            "Insufficient permissions. Missing scopes: model.request.",
            "grant",
        ),
        ("OpenAI", 401, "Your IP address is not authorized to use this API.", "place"),
        ("OpenAI", 401, "The OpenAI account of this API key has been deactivated", "account"),
        ("OpenAI", 400, "Billing hard limit has been reached", "money"),
        ("OpenAI", 429, "You exceeded your current quota, please check your plan.", "money"),
        ("OpenAI", 400, "Your input exceeds the context window of this model.", "long"),
        (
            "OpenAI",
            400,
            "This model's maximum context length is 128000 tokens. However, your messages resulted "
            "in 150000 tokens.",
            "long",
        ),
        ("Azure", 401, "Access denied due to invalid subscription key or wrong endpoint.", "key"),
        ("Azure", 403, "Access denied due to Virtual Network/Firewall rules.", "place"),
        ("Azure", 403, "Public access is disabled. Please configure private endpoint.", "place"),
        ("Azure", 401, "The principal `x` lacks the required data action `y`", "grant"),
        ("Azure", 400, "The operation does not work with the specified model, gpt-35.", "model"),
        ("Gemini", 400, "API key expired. Please renew the API key.", "key"),
        ("Gemini", 400, "User location is not supported for the API use.", "place"),
        (
            "Gemini",
            400,
            "Gemini API free tier is not available in your country. Please enable billing.",
            "place",
        ),
        (
            "Gemini",
            403,
            "Generative Language API has not been used in project 1 before or it is disabled.",
            "grant",
        ),
        ("OpenRouter", 403, "Key limit exceeded (total limit). Manage it on our page", "money"),
        ("OpenRouter", 400, "foo/bar is not a valid model ID", "model"),
        ("OpenRouter", 404, "No endpoints found matching your data policy.", "grant"),
        ("OpenRouter", 403, "This model is not available in your region.", "place"),
        ("Groq", 403, "Access denied. Please check your network settings.", "place"),
        ("Groq", 400, "The model `mixtral` has been decommissioned.", "model"),
        ("Groq", 400, "Organization has been restricted. Please reach out to support.", "account"),
        ("Groq", 403, "The model `x` is blocked at the organization level.", "grant"),
        (
            "Groq",
            413,
            "Request too large for model `x`: Limit 6000, Requested 29000, please reduce your "
            "message size. Upgrade today at https://console.groq.com/settings/billing",
            "long",
        ),
        ("Together", 400, "Unable to access non-serverless model X.", "model"),
        (
            "Fireworks",
            412,
            "Account x is suspended, possibly due to reaching the monthly spending limit.",
            "money",
        ),
        ("DeepSeek", 402, "Insufficient Balance", "money"),
        ("DeepSeek", 400, "Model Not Exist", "model"),
        ("Mistral", 401, "Inactive subscription or usage limit reached", "money"),
        ("Mistral", 400, "Invalid model: foo", "model"),
        ("xAI", 403, "Your new team doesn't have any credits or licenses yet.", "money"),
        (
            "xAI",
            429,
            "Your team x has either used all available credits or reached its monthly spending "
            "limit.",
            "money",
        ),
        ("LM Studio", 400, "No models loaded. Please load a model.", "model"),
        ("LM Studio", 400, "Model unloaded.", "model"),
        ("a proxy", 403, "Attention Required! | Cloudflare", "place"),
        ("any", 451, "Unavailable For Legal Reasons", "place"),
        ("any", 403, "You must accept the conditions of this model first.", "grant"),
        ("any", 403, "no", "key"),
    ],
)
def test_a_refusal_for_good_says_what_is_wrong_and_what_to_do(
    who: str, status: int, words: str, kind: Kind
) -> None:
    provider = who if who == "Anthropic" else "OpenAI"
    fault = fault_of(status, words, {}, provider, "", who)
    assert type(fault) is ModelFault
    text, command = WORDS.get(kind, (_KEY[provider], f"export {provider.upper()}_API_KEY=…"))
    assert fault.message.endswith(f"({text})") and fault.next_command == command


def test_an_address_that_imitates_anthropic_is_named_as_the_one_that_answered() -> None:
    patience = Patience(20.0, threading.Event())
    with AnthropicServer([Status(404, "404 page not found")]) as server:
        model = Anthropic("m", "key", patience, server.url)
        with pytest.raises(ModelFault, match="ANTHROPIC_BASE_URL is not to end so") as caught:
            model.complete(REQUEST)
    assert caught.value.message.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("API Error: 403 Request not allowed", "place"),
        ("API Error: 403 User: arn:x is not authorized to perform: bedrock:Invoke", "grant"),
        ("API Error: 403 You don't have access to the model with this model ID.", "model"),
        ("API Error: 400 The provided model identifier is invalid.", "model"),
        ("API Error: 400 Retry with the ARN of an inference profile that has it.", "model"),
        (
            "API Error: 404 Model use case details have not been submitted for this account. If "
            "you have already filled out the form, try again in 15 minutes.",
            "never",
        ),
        ("Claude Opus is not available with the Claude Pro plan.", "never"),
        ("API Error: 404 Publisher Model `x` was not found or is not yours.", "model"),
        ("API Error: 403 Permission 'aiplatform.endpoints.predict' denied", "grant"),
        ("Your organization does not have access to Claude. Please login again.", "key"),
        ("Your refresh token was already used. Please log out and sign in again.", "key"),
        ("API Error: invalid_grant: reauth related error (invalid_rapt)", "key"),
        ("To use Codex with your ChatGPT plan, upgrade to Plus", "never"),
        ("Codex ran out of room in the model's context window.", "long"),
        ("You have no credits left", "money"),
    ],
)
def test_a_command_that_is_refused_for_good_says_so_too(words: str, kind: Kind) -> None:
    fault = failure_of("codex", "codex", words)
    assert isinstance(fault, ModelFault)
    text, command = WORDS.get(kind, ("is it logged in?", "codex"))
    assert fault.message.endswith(f"({text})") and fault.next_command == command


@pytest.mark.parametrize(
    "words",
    [
        "Selected model is at capacity. Please try a different model.",
        "We're currently experiencing high demand, which may cause temporary errors.",
        "Service is too busy. We advise users to switch temporarily.",
        "server busy, please try again. maximum pending requests exceeded",
        "Overloaded: capacity is not available in your region just now.",
    ],
)
def test_a_provider_that_is_overloaded_is_waited_for(words: str) -> None:
    for failure in (failure_of("codex", "codex", words), fault_of(503, words, {}, "OpenAI", "")):
        assert isinstance(failure, Transient) and failure.limited and not failure.astray


def test_geminis_limits_lift_though_their_words_are_those_of_no_credit() -> None:
    words = "You exceeded your current quota, please check your plan and billing details."
    page = f"{words} See https://ai.google.dev/gemini-api/docs/rate-limits."
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
    body = json.dumps([{"error": {"code": 429, "message": words, "details": [delay]}}])
    for reason, least in ((page, None), (reason_in(body), 30.0)):
        fault = fault_of(429, reason, {}, "OpenAI", "")
        assert isinstance(fault, Transient) and fault.limited
        assert fault.retry_after is None if least is None else (fault.retry_after or 0) > least


@pytest.mark.parametrize(
    "words",
    [
        "Content Exists Risk",
        "Input data may contain inappropriate content.",
        "The request was rejected because it was considered high risk",
    ],
)
def test_a_question_that_a_filter_refuses_is_told_to_the_model(words: str) -> None:
    assert is_withheld(400, words)
    (reply,), _ = asked([Status(400, words), GOOD])
    assert reply.arguments is None and words in reply.text


def test_chunks_on_lines_of_their_own_are_read() -> None:
    """As gateways send them that stream JSON, without events."""
    call = {"index": 0, "id": "a", "function": {"name": "propose", "arguments": '{"a": 1}'}}
    chunks = [
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]},
    ]
    body = "\n".join(map(json.dumps, chunks)) + "\n"
    (reply,), _ = asked([Nonsense(body, "application/x-ndjson")])
    assert reply.arguments == {"a": 1}
