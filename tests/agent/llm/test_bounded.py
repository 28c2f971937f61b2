"""What a server may do with a question: take it nowhere else, and answer within bounds."""

import gzip
import threading
from collections.abc import Callable

import pytest

from agent.errors import ModelFault
from agent.llm.anthropic import Anthropic
from agent.llm.clients import MAX_BODY_BYTES
from agent.llm.model import Model
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from tests.agent.llm.test_dialects import GOOD, IDEA, REQUEST
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Loopback, Status

KEY = "sk-secret-key-of-a-test"


def claude(server: Loopback) -> Model:
    """Return a model at a loopback Anthropic; a failed attempt ends its question."""
    return Anthropic("m", KEY, Patience(5.0, threading.Event(), first_wait=9.0), server.url)


def gpt(server: Loopback) -> Model:
    """Return a model at a loopback OpenAI; a failed attempt ends its question."""
    patience = Patience(5.0, threading.Event(), first_wait=9.0)
    return OpenAI("m", KEY, patience, f"{server.url}/v1")


BOTH = pytest.mark.parametrize(
    ("kind", "model"), [(AnthropicServer, claude), (OpenAIServer, gpt)], ids=["claude", "gpt"]
)


@pytest.mark.parametrize("status", [301, 307])
@BOTH
def test_a_question_is_not_taken_to_another_server(
    kind: type[Loopback], model: Callable[[Loopback], Model], status: int
) -> None:
    with kind([GOOD]) as other:
        elsewhere = f"{other.url}/v1/messages"
        moved = Status(status, headers={"location": elsewhere})
        with kind([moved]) as server, pytest.raises(ModelFault, match="was not sent") as caught:
            model(server).complete(REQUEST)
    assert elsewhere in caught.value.message
    assert other.requests == []


@BOTH
def test_a_redirect_on_the_same_server_is_followed(
    kind: type[Loopback], model: Callable[[Loopback], Model]
) -> None:
    with kind([Status(307, headers={"location": "/v1/elsewhere"}), GOOD]) as server:
        assert model(server).complete(REQUEST).arguments == IDEA
    assert [question.path for question in server.questions][1:] == ["/v1/elsewhere"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@BOTH
def test_an_error_is_read_to_a_bound(
    kind: type[Loopback], model: Callable[[Loopback], Model], packed: bool
) -> None:
    body = b"a" * (MAX_BODY_BYTES + 1)
    long = Status(400, raw=body)
    if packed:
        long = Status(400, raw=gzip.compress(body, 1), headers={"content-encoding": "gzip"})
    message = f"more than {MAX_BODY_BYTES} bytes"
    with kind([long]) as server, pytest.raises(ModelFault, match=message):
        model(server).complete(REQUEST)
