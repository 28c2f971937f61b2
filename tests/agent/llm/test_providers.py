"""Both providers through their real SDKs against the loopback servers, in one suite."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited, ModelUnavailable
from agent.llm.anthropic import Anthropic
from agent.llm.model import Model, Reply, Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from tests.loopback import anthropic_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Hang, Loopback, Nonsense, Status, Step, Text, ToolCall, Truncated

KEY = "sk-loopback-5f3a"
TOOL = Tool(
    name="propose",
    description="Propose.",
    parameters={"type": "object", "properties": {"hypothesis": {"type": "string"}}},
)
REQUEST = Request(system="the rules", blocks=("the source", "the ledger"), tool=TOOL)
GOOD = ToolCall(
    {"hypothesis": "a larger rate"},
    text="Well.",
    input_tokens=1_000,
    cached_tokens=400,
    output_tokens=100,
)
SOON = 20.0
"""Seconds within which an end counts as at once on a busy machine; without it 30 or more pass."""


@dataclass(frozen=True)
class Provider:
    """How to make the server and the model of one provider."""

    serve: Callable[[Iterable[Step]], Loopback]
    model: Callable[[str, Patience], Model]
    money: Status
    overloaded: Status

    def ask(
        self, *steps: Step, seconds: float = 10.0, cancel: threading.Event | None = None
    ) -> tuple[Reply, Loopback]:
        """Ask once, with quick retries."""
        with self.serve(steps) as server:
            patience = Patience(seconds, cancel or threading.Event(), first_wait=0.01)
            return self.model(server.url, patience).complete(REQUEST), server


PROVIDERS = {
    "anthropic": Provider(
        AnthropicServer,
        lambda url, patience: Anthropic("claude-opus-4-6", KEY, patience, url),
        Status(400, "Your credit balance is too low to access the API", "invalid_request_error"),
        Status(529, "Overloaded", "overloaded_error"),
    ),
    "openai": Provider(
        OpenAIServer,
        lambda url, patience: OpenAI("gpt-5", KEY, patience, f"{url}/v1"),
        Status(429, "You exceeded your current quota", "insufficient_quota"),
        Status(503, "overloaded", "server_error"),
    ),
}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    yield PROVIDERS[request.param]


def test_a_tool_call_comes_back_with_tokens_and_price(provider: Provider) -> None:
    reply, server = provider.ask(GOOD)
    assert reply.arguments == {"hypothesis": "a larger rate"}
    assert reply.text == "Well."
    assert (reply.input_tokens, reply.output_tokens) == (1_000, 100)
    assert reply.cached_tokens == 400
    if reply.model == "gpt-5":
        assert reply.cost is None, "a server of one's own has no list price"
    else:
        assert reply.cost == pytest.approx((600 * 5 + 400 * 0.5 + 100 * 25) / 1e6)
    assert reply.seconds > 0
    (question,) = server.questions
    assert question.headers["authorization"] == f"Bearer {KEY}"
    required = ({"type": "tool", "name": "propose"}, "required")
    assert question.body["tool_choice"] in required


def test_the_stable_prefix_of_the_prompt_is_marked_for_the_cache() -> None:
    _, server = PROVIDERS["anthropic"].ask(GOOD)
    body = server.questions[0].body
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    marks = [("cache_control" in block, block["text"]) for block in body["messages"][0]["content"]]
    assert marks == [(True, "the source"), (False, "the ledger")]


@pytest.mark.parametrize(
    "fault", [Status(500), Truncated(), Nonsense(), Nonsense('{"hello": "there"}'), Nonsense("[]")]
)
def test_what_may_pass_is_tried_again(provider: Provider, fault: Step) -> None:
    reply, server = provider.ask(fault, GOOD)
    assert reply.arguments == {"hypothesis": "a larger rate"}
    assert len(server.questions) == 2


def test_an_overloaded_server_is_asked_again(provider: Provider) -> None:
    reply, server = provider.ask(provider.overloaded, provider.overloaded, GOOD)
    assert reply.arguments and len(server.questions) == 3


def test_retry_after_is_honoured(provider: Provider) -> None:
    limit = Status(429, "slow down", "rate_limit_error", {"retry-after": "1"})
    began = time.monotonic()
    reply, server = provider.ask(limit, GOOD)
    assert reply.arguments and len(server.questions) == 2
    assert time.monotonic() - began >= 1.0


def test_a_retry_after_beyond_the_deadline_ends_the_wait_at_once(provider: Provider) -> None:
    began = time.monotonic()
    with pytest.raises(ModelLimited, match="429"):
        provider.ask(Status(429, "tomorrow", "rate_limit_error", {"retry-after": "86400"}), GOOD)
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_cannot_pass_is_a_fault_at_once(provider: Provider, status: int) -> None:
    with provider.serve([Status(status, f"no: {KEY} is wrong"), GOOD]) as server:
        model = provider.model(server.url, Patience(10, threading.Event(), 0.01))
        with pytest.raises(ModelFault) as caught:
            model.complete(REQUEST)
        assert len(server.questions) == 1
    assert type(caught.value) is ModelFault and caught.value.next_command
    assert (
        KEY not in caught.value.message
        and KEY not in repr(caught.value)
        and str(status) in caught.value.message
    )
    assert caught.value.__cause__ is None and KEY not in repr(vars(model))


def test_no_money_is_a_fault_at_once(provider: Provider) -> None:
    with pytest.raises(ModelFault, match="credit") as caught:
        provider.ask(provider.money, GOOD)
    assert type(caught.value) is ModelFault


def test_a_server_that_is_down_is_asked_until_the_deadline(provider: Provider) -> None:
    with provider.serve([]) as server:
        url = server.url
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="within 1 s"):
        provider.model(url, Patience(1.0, threading.Event(), 0.05)).complete(REQUEST)
    assert time.monotonic() - began < SOON


def test_a_server_that_hangs_is_asked_again_until_the_deadline(provider: Provider) -> None:
    reply, server = provider.ask(Hang(), GOOD, seconds=3.0)
    assert reply.arguments and len(server.questions) == 2
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):
        provider.ask(Hang(), Hang(), Hang(), Hang(), seconds=1.0)
    assert time.monotonic() - began < SOON


def test_a_cancel_ends_a_hanging_request(provider: Provider) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="cancelled"):
        provider.ask(Hang(), seconds=60.0, cancel=cancel)
    assert time.monotonic() - began < SOON


def test_a_cancel_ends_the_wait_for_a_retry(provider: Provider) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):
        provider.ask(
            Status(429, "later", "rate_limit_error", {"retry-after": "30"}),
            GOOD,
            seconds=60.0,
            cancel=cancel,
        )
    assert time.monotonic() - began < SOON


def test_prose_and_a_cut_off_reply_come_back_as_they_are(provider: Provider) -> None:
    reply, _ = provider.ask(Text("I cannot help with that."))
    assert (reply.arguments, reply.text, reply.cut_off) == (None, "I cannot help with that.", False)
    reply, _ = provider.ask(Text("It goes on and", cut_off=True))
    assert reply.cut_off


def test_arguments_that_are_no_json_come_back_as_text() -> None:
    reply, _ = PROVIDERS["openai"].ask(ToolCall('{"hypothesis": "broken'))
    assert reply.arguments is None
    assert reply.text == '{"hypothesis": "broken'


# ---------------------------------------------------------------- abilities, found out once

SCHEMA = json.dumps({"hypothesis": "by schema"})


def twice(*steps: Step) -> tuple[list[Reply], list[dict[str, Any]]]:
    """Ask an OpenAI-compatible server two questions; return the replies and what it got."""
    with OpenAIServer(steps) as server:
        model = PROVIDERS["openai"].model(server.url, Patience(5.0, threading.Event(), 0.01))
        replies = [model.complete(REQUEST), model.complete(REQUEST)]
    return replies, [question.body for question in server.questions]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, "registry.ollama.ai/library/gemma does not support tools"),
        (500, "tools param requires --jinja flag"),
        (422, "Unsupported parameter: tools"),
    ],
)
def test_a_server_without_tools_is_asked_by_schema_from_then_on(code: int, words: str) -> None:
    replies, bodies = twice(Status(code, words), Text(SCHEMA), Text(SCHEMA))
    assert [reply.text for reply in replies] == [SCHEMA, SCHEMA]
    assert ["tools" in body for body in bodies] == [True, False, False], "found out once"
    assert bodies[1]["response_format"]["json_schema"]["schema"] == TOOL.parameters
    assert "JSON object" in bodies[1]["messages"][0]["content"]


def test_a_server_with_neither_is_asked_in_words() -> None:
    replies, bodies = twice(
        Status(400, "no tools"),
        Status(400, "response_format is not supported"),
        Text(SCHEMA),
        Text(SCHEMA),
    )
    assert [reply.text for reply in replies] == [SCHEMA, SCHEMA]
    assert ["response_format" in body for body in bodies] == [False, True, False, False]


def test_a_model_that_ignores_the_tool_is_asked_by_schema_next() -> None:
    replies, bodies = twice(Text("Let us talk."), Text(SCHEMA))
    assert replies[0].text == "Let us talk." and ["tools" in body for body in bodies] == [
        True,
        False,
    ]


def test_a_model_that_thinks_may_think_and_is_asked_for_the_tool() -> None:
    def claude(ways: dict[str, bool]) -> dict[str, Any]:
        name = "claude-haiku-4-5"
        with AnthropicServer(
            [GOOD, GOOD], [anthropic_server.model(name, "2025-10-01T00:00:00Z", thinks=ways)]
        ) as server:
            model = Anthropic(name, KEY, Patience(5.0, threading.Event(), 0.01), server.url)
            assert model.complete(REQUEST).arguments and model.complete(REQUEST).arguments
        assert len(server.requests) == 3, "its capabilities are looked up once"
        return server.questions[1].body

    body = claude({"adaptive": True, "enabled": True})
    assert (body["thinking"], body["tool_choice"]) == ({"type": "adaptive"}, {"type": "auto"})
    body = claude({"adaptive": False, "enabled": True})
    assert (
        body["thinking"] == {"type": "enabled", "budget_tokens": 8_000}
        and body["max_tokens"] == 16_000
    )
    body = claude({})
    assert "thinking" not in body and body["tool_choice"] == {"type": "tool", "name": "propose"}


def test_claude_is_asked_for_fewer_tokens_if_it_refuses_so_many() -> None:
    words = "max_tokens: 16000 > 8192, which is the maximum allowed number of output tokens"
    with AnthropicServer([Status(400, words, "invalid_request_error"), GOOD, GOOD]) as server:
        model = Anthropic("claude-3", KEY, Patience(5.0, threading.Event(), 0.01), server.url)
        assert model.complete(REQUEST).arguments and model.complete(REQUEST).arguments
    assert [question.body["max_tokens"] for question in server.questions] == [16_000, 8192, 8192]
