"""Lists of models as servers really send them, and the one that a short name means."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from agent.errors import ModelFault, ModelUnavailable
from agent.llm import patience as patience_module
from agent.llm.anthropic import AnthropicApi
from agent.llm.catalog import offers
from agent.llm.openai import OpenAIApi
from agent.llm.patience import Patience
from agent.llm.resolve import open_model
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import send


class Lists(OpenAIServer):
    """Answers every GET with one body."""

    def __init__(self, body: str, kind: str = "application/json") -> None:
        super().__init__()
        self._body = body
        self._kind = kind

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        send(request, 200, self._body.encode(), self._kind)

    @property
    def environment(self) -> dict[str, str]:
        """Make it the server of both providers."""
        keys = {"OPENAI_API_KEY": "sk-loopback-key", "ANTHROPIC_API_KEY": "sk-loopback-key"}
        return {**keys, "OPENAI_BASE_URL": f"{self.url}/v1", "ANTHROPIC_BASE_URL": self.url}


def opened(name: str, server: Lists) -> str:
    with server:
        return open_model(name, server.environment, 5.0, threading.Event()).name


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "data": [{"id": "qwen", "object": "model", "created": 5}]},
        [{"id": "qwen", "type": "chat", "created": None}],
        {"models": [{"name": "qwen"}]},
        {"data": [{"id": None}, 3, {"id": "text-embedding-nomic-v1.5"}, {"id": "qwen"}]},
        {"data": [{"id": "bge-reranker"}, {"id": "whisper-1"}, {"id": "qwen"}]},
    ],
    ids=["openai", "together", "models", "lm-studio", "mixed"],
)
def test_local_is_the_first_that_answers_questions(answer: object) -> None:
    assert opened("local", Lists(json.dumps(answer))) == "qwen"


@pytest.mark.parametrize("answer", [{"data": None}, {"data": []}, [], None, {"data": [{"id": 3}]}])
@pytest.mark.parametrize("name", ["local", "gpt"])
def test_a_list_of_nothing_is_said_at_once(answer: object, name: str) -> None:
    with pytest.raises(ModelFault, match="lists no") as caught:
        opened(name, Lists(json.dumps(answer)))
    assert type(caught.value) is ModelFault


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<html><title>Sign in</title></html>", "text/html"),
        ('"x"', "application/json"),
        ("[" * 5_000, "application/json"),
        ('{"data": 3}', "application/json"),
    ],
)
@pytest.mark.parametrize("api", [OpenAIApi, AnthropicApi])
def test_what_is_no_list_is_told_in_seconds(
    body: str, kind: str, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.05)
    with Lists(body, kind) as server, pytest.raises(ModelUnavailable) as caught:
        api("key", Patience(600.0, threading.Event(), 0.02), server.url).models()
    assert "no other answer has come from there" in caught.value.message
    assert "Error" not in caught.value.message


def test_the_catalogue_says_why_a_list_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.05)
    with Lists("<html><title>Sign in</title></html>", "text/html") as server:
        patience = Patience(600.0, threading.Event(), 0.02)
        shown = list(offers(server.environment, patience))
    notes = {offer.provider: offer.note for offer in shown if not offer.model}
    assert "Sign in" in notes["OpenAI"] and "no list of models" in notes["Anthropic"]
