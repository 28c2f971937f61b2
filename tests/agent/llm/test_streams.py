"""Bodies of answers as servers and proxies really send them, and ends of every kind."""

import gzip
import json
import threading
from typing import Any

import pytest

from agent.errors import ModelAway, ModelUnavailable
from agent.llm import patience as patience_module
from agent.llm.anthropic import Anthropic
from agent.llm.chat_answer import ONLY_THOUGHT
from agent.llm.events import Events as Lines
from agent.llm.model import DECLINED, Model
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.scripted import Scripted
from agent.propose.questions import provenance_of
from sandbox.ground.text import is_plain
from tests.agent.llm.test_dialects import GOOD, IDEA, REQUEST, asked, chunk, whole
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Loopback, Nonsense, Text

SAID = json.dumps(chunk(content="Well."))
LAST = json.dumps(chunk("stop"))


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain", "application/json"])
def test_a_stream_is_known_by_its_beginning_and_kept_alive_by_anything(kind: str) -> None:
    body = (
        ": OPENROUTER PROCESSING\n\nevent: keepalive\n\ndata:\n\ndata: ping\n\nretry: 3000\n\n"
        f"data: {SAID}\r\n\r\n: more\n\ndata:{LAST}\n\ndata: [DONE]"
    )
    (reply,), questions = asked([Nonsense(body, kind)])
    assert (reply.text, len(questions)) == ("Well.", 1)


def test_a_whole_answer_is_read_under_the_name_of_a_stream() -> None:
    answer = whole({"content": "Well."})
    (reply,), _ = asked([Nonsense(f"\n\n{answer.body}\n", "text/event-stream")])
    assert reply.text == "Well."


def test_an_event_may_have_several_lines_and_letters_that_end_lines_elsewhere() -> None:
    pretty = json.dumps(chunk("stop", content="a\u2028b\x0c"), indent=1, ensure_ascii=False)
    lines = "\n".join(f"data: {line}" for line in pretty.split("\n"))
    (reply,), _ = asked([Nonsense(f"{lines}\n\n", "text/event-stream")])
    assert reply.text == "a\u2028b"


@pytest.mark.parametrize(
    "event",
    [
        'event: error\ndata: {"message": "the model crashed", "type": "server_error"}\n\n',
        "event: error\ndata: the model crashed\n\n",
        'data: {"error": {"message": "the model crashed"}}\n\n',
        'data: {"object": "error", "message": "the model crashed", "code": 500}\n\n',
    ],
)
def test_an_error_in_a_stream_is_told_in_its_words(event: str) -> None:
    body = f"data: {SAID}\n\n{event}"
    with pytest.raises(ModelAway, match="the model crashed"):
        asked([Nonsense(body, "text/event-stream")], again=False)


def test_an_end_without_a_reason_is_an_end_and_a_silence_is_none() -> None:
    (reply,), _ = asked([whole({"content": "Well."}, finish=None)])  # type: ignore[arg-type]
    assert reply.text == "Well."
    (reply,), _ = asked([Events((chunk(content="Well."), "[DONE]"))])
    assert reply.text == "Well."
    for begun in (f"data: {SAID}\n\n", f'data: {SAID}\n\ndata: {{"choices": [{{"del'):
        (reply,), questions = asked([Nonsense(begun, "text/event-stream"), GOOD])
        assert reply.arguments == IDEA and len(questions) == 2
        with pytest.raises(ModelAway, match="broke off"):
            asked([Nonsense(begun, "text/event-stream")], again=False)


@pytest.mark.parametrize(
    "answer",
    [
        '{"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 5}}',
        '{"object": "chat.completion", "choices": null}',
        '{"choices": [{"finish_reason": "content_filter: PROHIBITED_CONTENT", "message": {}}]}',
        '{"choices": [{"finish_reason": "SAFETY", "message": {"content": null}}]}',
    ],
)
def test_what_a_provider_withheld_is_said_once_and_changes_nothing(answer: str) -> None:
    replies, questions = asked([Nonsense(answer), Nonsense(answer)], questions=2)
    assert [reply.text for reply in replies] == [DECLINED, DECLINED]
    assert all("tools" in question.body for question in questions)


def test_a_refusal_is_the_text_of_an_answer() -> None:
    (reply,), _ = asked([whole({"content": None, "refusal": "I will not."})])
    assert reply.text == "I will not."


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_a_model_that_only_thought_to_its_limit_keeps_its_tools_and_may_think_longer(
    finish: str,
) -> None:
    replies, questions = asked([whole({"content": ""}, finish), GOOD], questions=2)
    assert replies[0].cut_off and replies[1].arguments == IDEA
    assert "tools" in questions[1].body and questions[1].body["max_tokens"] == 32_000


def test_thoughts_in_parts_are_no_answer() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    (reply,), _ = asked([whole({"content": [thinking]})])
    assert reply.text == ONLY_THOUGHT
    (reply,), _ = asked([whole({"content": [thinking, {"type": "text", "text": "Well."}]})])
    assert reply.text == "Well."


@pytest.mark.parametrize(
    "name", ["x" * 100_000, "a\nAutoresearch: {}", "\x1b[31mred", "\ud800", ""]
)
def test_what_a_server_says_of_itself_can_be_recorded(name: str) -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": 2**70}
    (reply,), _ = asked([whole({"content": "Well."}, model=name, usage=usage)])
    by = provenance_of("code", Scripted([]), [reply], 1.0)
    assert by.model and len(by.model) <= 200 and is_plain(by.model)
    assert (by.input_tokens, by.output_tokens, by.cost) == (0, 0, None)


@pytest.mark.parametrize(("told", "cost"), [(0.25, 0.25), ("0.25", None), (-1, None), (None, None)])
def test_what_a_router_says_that_an_answer_cost_is_its_cost(told: Any, cost: float | None) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "cost": told}
    (reply,), _ = asked([whole({"content": "Well."}, usage=usage)])
    assert reply.cost == cost


@pytest.mark.parametrize(("read", "is_told"), [(4_096, True), (9_000, False), (None, False)])
def test_a_server_that_drops_the_beginning_of_a_question_is_told_once(
    read: int | None, is_told: bool
) -> None:
    """Ollama does, without a word, where its context is shorter than the question."""
    told: list[str] = []
    usage = {"prompt_tokens": read, "completion_tokens": 5}
    with OpenAIServer([whole({"content": "Well."}, usage=usage)] * 2) as server:
        patience = Patience(5.0, threading.Event(), 0.01, told.append)
        model = OpenAI("m", "key", patience, f"{server.url}/v1")
        long = REQUEST.model_copy(update={"blocks": ("a" * 60_000, "b")})
        model.complete(long)
        model.complete(long)
    assert [("read 4096 of about 20" in line) for line in told] == ([True] if is_told else [])


# ---------------------------------------------------------------- what is no answer


class Squeezed(OpenAIServer):
    """Says that it sends gzip, and sends something else."""

    def answer(self, request: Any, body: Any, step: Any) -> None:
        data = gzip.compress(b"{}")[5:]
        request.send_response(200)
        request.send_header("content-encoding", "gzip")
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)


def openai(url: str, patience: Patience) -> Model:
    return OpenAI("gpt-5", "key", patience, f"{url}/v1")


def anthropic(url: str, patience: Patience) -> Model:
    return Anthropic("claude", "key", patience, url)


HTML = Nonsense("<html><title>Sign in to the lab's proxy</title></html>", "text/html")


@pytest.mark.parametrize(
    ("server", "model", "words"),
    [
        (OpenAIServer([HTML] * 100), openai, "Sign in to the lab's proxy"),
        (OpenAIServer([Nonsense('{"hello": 1}')] * 100), openai, "not a chat completion"),
        (OpenAIServer([Nonsense("")] * 100), openai, "an empty answer"),
        (OpenAIServer([Nonsense("[" * 5_000)] * 100), openai, "no JSON"),
        (Squeezed([Text("")] * 100), openai, "decompressing"),
        (AnthropicServer([HTML] * 100), anthropic, "not a message"),
    ],
    ids=["html", "other-json", "empty", "deep", "gzip", "claude-html"],
)
def test_where_nothing_but_nonsense_ever_came_from_it_is_given_up_in_seconds(
    server: Loopback, model: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.05)
    with server, pytest.raises(ModelUnavailable, match=words) as caught:
        model(server.url, Patience(600.0, threading.Event(), 0.02)).complete(REQUEST)
    assert "no other answer has come from there" in caught.value.message


def test_nonsense_from_a_server_that_answered_before_is_tried_again() -> None:
    replies, questions = asked([GOOD, HTML, HTML, GOOD], questions=2)
    assert replies[1].arguments == IDEA and len(questions) == 4


def test_events_of_any_form_never_fail() -> None:
    lines = Lines()
    for line in (b"data", b":", b"event", b"id: 3", b"\xff\xfe: x", b"data: \xff"):
        assert list(lines.take(line)) == []
    assert list(lines.take(b"")) == []
