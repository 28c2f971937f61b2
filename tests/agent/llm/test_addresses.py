"""Addresses, keys and proxies that are wrong, and those that hold a secret."""

import threading
from pathlib import Path

import pytest

from agent.errors import ModelFault, ModelUnavailable
from agent.llm import patience as patience_module
from agent.llm.catalog import offers
from agent.llm.model import Model
from agent.llm.openai import OpenAIApi
from agent.llm.patience import Patience
from agent.llm.resolve import open_model, sends_no_bill
from sandbox.ground.redaction import redacted
from tests.agent.llm.test_dialects import REQUEST
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer, model
from tests.loopback.wire import Nonsense, Status, Text

PASSWORD = "open-sesame-7h1s"
BOTH = pytest.mark.parametrize(
    ("name", "variable"),
    [("claude-x", "ANTHROPIC_BASE_URL"), ("openai:m", "OPENAI_BASE_URL")],
)
KEYS = {"ANTHROPIC_API_KEY": "sk-loopback-key", "OPENAI_API_KEY": "sk-loopback-key"}


def opened(name: str, environment: dict[str, str], seconds: float = 0.5) -> Model:
    return open_model(name, {**KEYS, **environment}, seconds, threading.Event())


@BOTH
@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000/v1",
        "http://[::1/v1",
        "http://localhost:99999/v1",
        "http:///v1",
        "ftp://host/v1",
        "http://a b/v1",
        "v1",
    ],
)
def test_what_is_no_address_is_said_before_anything_is_asked(
    name: str, variable: str, address: str
) -> None:
    with pytest.raises(ModelFault, match=f"{variable} is .* which is no address") as caught:
        opened(name, {variable: address})
    assert type(caught.value) is ModelFault and f"export {variable}=" in str(
        caught.value.next_command
    )
    assert not sends_no_bill(name, {variable: address})


@pytest.mark.parametrize("behind", ["", "/", "/chat/completions", "/responses/"])
def test_an_address_may_end_as_its_owner_copied_it(behind: str) -> None:
    with OpenAIServer([Text("Well.")]) as server:
        gpt = opened("openai:m", {"OPENAI_BASE_URL": f"{server.url}/v1{behind}"}, 5.0)
        assert gpt.complete(REQUEST).text == "Well."
    assert server.questions[0].path == "/v1/chat/completions"


def test_what_an_address_asks_for_is_asked_with_each_question() -> None:
    """As Azure's version, or the key of a gateway."""
    with OpenAIServer([Text("Well."), Status(403, f"no {PASSWORD} here")]) as server:
        url = f"{server.url}/v1?api-version=preview&api_key={PASSWORD}"
        gpt = opened("openai:m", {"OPENAI_BASE_URL": url}, 5.0)
        gpt.complete(REQUEST)
        with pytest.raises(ModelFault) as caught:
            gpt.complete(REQUEST)
    expected = f"/v1/chat/completions?api-version=preview&api_key={PASSWORD}"
    assert server.questions[0].path == expected
    assert PASSWORD not in caught.value.message
    assert "preview" in redacted(url) and PASSWORD not in redacted(url)


@BOTH
@pytest.mark.parametrize("answer", [Status(500), Status(418), Nonsense("<html>"), None])
def test_no_message_holds_the_password_of_an_address(
    name: str, variable: str, answer: Status | Nonsense | None
) -> None:
    serve = OpenAIServer if name == "openai:m" else AnthropicServer
    told: list[str] = []
    with serve([answer] * 100 if answer else []) as server:
        url = server.url.replace("//", f"//user:{PASSWORD}@")
        if answer is None:
            url = f"http://user:{PASSWORD}@127.0.0.1:9"
        environment = {**KEYS, variable: url}
        asked = open_model(name, environment, 0.4, threading.Event(), tell=told.append)
        with pytest.raises(ModelFault) as caught:
            asked.complete(REQUEST)
        told += [str(offer) for offer in offers(environment, Patience(0.2, threading.Event()))]
    for text in (caught.value.message, *told):
        assert PASSWORD not in text and "user:" not in text


def test_the_password_of_an_address_is_taken_out_of_what_a_server_says() -> None:
    with OpenAIServer([Text(f"I know {PASSWORD}%21")]) as server:
        url = server.url.replace("//", f"//user:{PASSWORD}%2521@")
        reply = opened("openai:m", {"OPENAI_BASE_URL": f"{url}/v1"}, 5.0).complete(REQUEST)
    assert PASSWORD in reply.text and PASSWORD not in redacted(reply.text)


@pytest.mark.parametrize("key", ["sk-\u2026copied", "sk-one\ntwo", "sk-a b", "sk-\x00"])
@BOTH
def test_a_key_that_no_header_can_hold_is_said_without_it(
    name: str, variable: str, key: str
) -> None:
    with pytest.raises(ModelFault, match="a character that no key has") as caught:
        opened(name, {variable.replace("BASE_URL", "API_KEY"): key})
    assert type(caught.value) is ModelFault and key not in caught.value.message


@BOTH
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "foo://127.0.0.1:1"])
def test_a_proxy_that_makes_no_sense_is_said_at_once(
    name: str, variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    asked = opened(name, {variable: "http://nowhere.invalid"}, 60.0)
    with pytest.raises(ModelFault, match="proxy") as caught:
        asked.complete(REQUEST)
    assert type(caught.value) is ModelFault


@BOTH
def test_certificates_that_are_not_there_are_said_at_once(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    asked = opened(name, {variable: "https://nowhere.invalid"}, 60.0)
    with pytest.raises(ModelFault, match="certificates of this environment"):
        asked.complete(REQUEST)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [("https", "no secure connection"), ("http", "ProxyError: 501")],
)
def test_the_real_reason_is_told_and_a_wrong_address_given_up_in_seconds(
    scheme: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.05)
    with OpenAIServer([], [model("m", 1)]) as server:
        url = server.url.replace("http", scheme)
        if scheme == "http":
            monkeypatch.setenv("HTTPS_PROXY", server.url)
            url = "https://nowhere.invalid"
        api = OpenAIApi("key", Patience(600.0, threading.Event(), 0.02), url)
        with pytest.raises(ModelUnavailable, match=words) as caught:
            api.models()
    assert "since this command began" in caught.value.message
