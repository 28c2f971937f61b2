"""A real model behind llama.cpp's server: `make small-model` installs both."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.errors import ModelFault, ModelUnavailable
from agent.llm.model import CalledOff, Model, Reply, Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.resolve import open_model
from agent.propose import Unreadable
from agent.propose.code.code import MAX_SENT_BACK, Code
from agent.records.edits import Refused
from tests.agent.propose.example import context
from tests.loopback.small_model import NAME, Served, is_installed, small_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SECONDS = 600.0
NUMBER = Tool(
    name="propose",
    description="Set the learning rate.",
    parameters={
        "type": "object",
        "properties": {"reason": {"type": "string"}, "value": {"type": "number"}},
        "required": ["reason", "value"],
    },
)
SHORT = Request(
    system="You are the researcher in an experiment.",
    blocks=("LR = 0.1  # [0.01 .. 1]", "Set LR to another value."),
    tool=NUMBER,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not is_installed():
        pytest.skip("no small model: make small-model")
    with small_model(tmp_path_factory.mktemp("llama"), context=512) as served:
        yield served


def opened(server: Served, cancel: threading.Event | None = None) -> OpenAI:
    model = open_model("local", server.environment, SECONDS, cancel or threading.Event())
    assert isinstance(model, OpenAI) and model.name == NAME
    return model


def test_a_dropped_tool_is_noticed_and_the_schema_enforced(server: Served) -> None:
    model = opened(server)
    first = model.complete(SHORT)
    assert first.arguments is None and first.text, "llama.cpp dropped the tool without a word"
    answers = [model.complete(SHORT) for _ in range(2)]
    for answer in answers:
        assert re.match(r'\{\s*"reason"\s*:', answer.text), "the grammar leaves no other beginning"
        assert answer.cut_off or set(json.loads(answer.text)) == {"reason", "value"}
    for reply in answers:
        assert reply.output_tokens > 0 and reply.cost is None and reply.model == NAME
    assert answers[1].cached_tokens > 0.9 * answers[1].input_tokens, "it kept the question"


def test_a_question_beyond_the_context_is_told_in_the_servers_words(server: Served) -> None:
    long = SHORT.model_copy(update={"blocks": ("one two three four five six\n" * 300, "Go on.")})
    with pytest.raises(ModelFault) as caught:
        opened(server).complete(long)
    assert "context" in caught.value.message and "{" not in caught.value.message


def test_a_cancelled_answer_ends_and_leaves_the_server_free(server: Served) -> None:
    cancel = threading.Event()
    model = opened(server, cancel)
    threading.Timer(1.0, cancel.set).start()
    with pytest.raises((CalledOff, ModelUnavailable), match="cancelled"):
        model.complete(SHORT)
    assert opened(server).complete(SHORT).output_tokens > 0


class Heard:
    """Keeps what a model was asked and answered."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.origin = model.origin
        self.estimate = model.estimate
        self.asked: list[Request] = []
        self.replies: list[Reply] = []

    def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        self.replies.append(self._model.complete(request))
        return self.replies[-1]


def test_what_it_writes_is_refused_with_a_reason_and_sent_back(server: Served) -> None:
    """Whatever it answers: nothing is raised, and what was refused is in the next question."""
    with small_model(server.log.parent, context=5_120) as roomy:
        model = Heard(opened(roomy))
        refused = Refused(reason="protected", where="everything", hint="propose nothing")
        made = Code(model).propose(replace(context(), check=lambda _: refused))
    assert len(model.asked) == 1 + MAX_SENT_BACK == made.by.calls
    for before, question in zip(model.replies, model.asked[1:], strict=False):
        said = question.blocks[-1]
        assert "was refused before any training" in said
        assert "protected: everything" in said or before.cut_off or "unreadable" in said
    assert made.by.model == NAME
    assert isinstance(made, Unreadable) or made.edits
