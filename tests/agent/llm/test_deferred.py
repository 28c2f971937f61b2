"""A model whose provider refuses to list its models for a limit: it is named and asked later."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited
from agent.llm import patience as patience_module
from agent.llm.deferred import Deferred
from agent.llm.model import Model, Request, looks_by
from agent.llm.resolve import open_model
from agent.propose.code.tool import propose_tool
from tests.loopback import anthropic_server, openai_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Loopback, Status, ToolCall

REQUEST = Request(system="the rules", blocks=("the ledger",), tool=propose_tool())
IDEA = {"hypothesis": "h"}
WINDOW = "You've hit your session limit"
OPUS = anthropic_server.model("claude-opus-4-6", "2026-02-05T00:00:00Z")
GPT = openai_server.model("gpt-5.2", 200)


def claude(server: Loopback) -> dict[str, str]:
    return {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": server.url}


def openai(server: Loopback) -> dict[str, str]:
    return {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{server.url}/v1"}


EACH = pytest.mark.parametrize(
    ("serve", "listed", "variables", "alias"),
    [
        (AnthropicServer, OPUS, claude, "opus"),
        (OpenAIServer, GPT, openai, "gpt"),
        (OpenAIServer, GPT, openai, "local"),
    ],
)


def limited(seconds: int) -> Status:
    return Status(429, WINDOW, "rate_limit_error", {"retry-after": str(seconds)})


def deferred(name: str, environment: dict[str, str]) -> Deferred:
    """The model whose name cannot be looked up yet."""

    def opened() -> Model:
        return open_model(name, environment, 60.0, threading.Event())

    with pytest.raises(ModelLimited) as caught:
        opened()
    return Deferred(name, opened, caught.value)


@EACH
def test_it_is_named_and_asked_once_the_limit_has_lifted(
    serve: type[Loopback],
    listed: Any,
    variables: Callable[[Loopback], dict[str, str]],
    alias: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience_module, "LONGEST_PAUSE_SECONDS", 0.0)
    with serve([ToolCall(IDEA)], [listed]) as server:
        server.refuse = limited(1)
        model = deferred(alias, variables(server))
        assert (model.name, model.origin, looks_by(model)) == (alias, "llm", "calls")
        server.refuse = None
        reply = None
        while reply is None:
            with suppress(ModelLimited):
                reply = model.complete(REQUEST)
    assert reply.arguments == IDEA and model.name == listed["id"]


@EACH
def test_nobody_is_asked_before_and_the_reason_stays(
    serve: type[Loopback],
    listed: Any,
    variables: Callable[[Loopback], dict[str, str]],
    alias: str,
) -> None:
    with serve([ToolCall(IDEA)], [listed]) as server:
        server.refuse = limited(7_200)
        model = deferred(alias, variables(server))
        before = len(server.requests)
        for ask in (model.estimate, model.complete):
            with pytest.raises(ModelLimited, match=WINDOW) as caught:
                ask(REQUEST)
        assert len(server.requests) == before and caught.value.until == model.away.until


def test_a_later_refusal_counts_from_then_on() -> None:
    over = ModelLimited("over", "autoresearch resume", datetime(2026, 1, 1, tzinfo=UTC))
    with AnthropicServer(models=[OPUS]) as server:
        environment = claude(server)
        model = Deferred(
            "opus", lambda: open_model("opus", environment, 60.0, threading.Event()), over
        )
        server.refuse = Status(401, "invalid x-api-key", "authentication_error")
        with pytest.raises(ModelFault, match="ANTHROPIC_API_KEY right"):
            model.complete(REQUEST)
        server.refuse = limited(7_200)
        with pytest.raises(ModelLimited, match=WINDOW):
            model.complete(REQUEST)
    assert model.away.until > over.until
