"""Questions in turns over OpenAI's Responses API, on the wire."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited
from agent.llm.chat_answer import ONLY_THOUGHT
from agent.llm.effort import Effort
from agent.llm.model import Call, Reply, Request, Tool, Turn
from agent.llm.openai import OpenAI
from agent.llm.openai_reply import DECLINED
from agent.llm.patience import Patience
from agent.propose.code.code import Code
from agent.propose.code.tool import propose_tool
from agent.records.proposals import Proposal
from tests.agent.propose.code.drafts import DEEPER, draft
from tests.agent.propose.code.test_looking import bounded
from tests.loopback.responses_server import (
    ResponsesServer,
    call,
    message,
    streamed,
    text,
    thoughts,
    used,
)
from tests.loopback.wire import Events, Received, Status, Step, Text, ToolCall, Truncated

LOOK = Tool(name="trial", description="Show a trial.", parameters={"type": "object"})
FIRST = Request(system="the rules", blocks=("the source",), tool=propose_tool(), tools=(LOOK,))
IDEA = {"hypothesis": "h", "edits": [{"kind": "set_constant", "name": "A", "value": "1"}]}
WANTED = Status(404, "This model is only supported in v1/responses.", "invalid_request_error")
"""The answer to a chat question."""
LOOKS = streamed((thoughts("sealed"), call("trial", {"number": 3})), "gpt-5", used(2_000, 500))
ANSWERS = ToolCall(IDEA, name="propose")


class Asked:
    """A model that was asked in turns, until it looked no more."""

    def __init__(
        self,
        steps: Iterable[Step],
        seconds: float = 30.0,
        effort: Effort | None = None,
        questions: int = 1,
    ) -> None:
        self.replies: list[Reply] = []
        self.questions: list[Received] = []
        patience = Patience(seconds, threading.Event(), first_wait=0.01)
        with ResponsesServer([WANTED, *steps]) as server:
            self.model = OpenAI("gpt-5", "key", patience, f"{server.url}/v1", effort)
            try:
                for _ in range(questions):
                    self._ask(FIRST)
            finally:
                self.questions = server.questions[1:]

    def _ask(self, request: Request) -> None:
        while True:
            reply = self.model.complete(request)
            self.replies.append(reply)
            if not reply.calls:
                return
            results = tuple(f"of {call.id}" for call in reply.calls)
            turn = Turn(text=reply.text, calls=reply.calls, results=results, native=reply.native)
            request = request.model_copy(update={"turns": (*request.turns, turn)})

    def sent(self, question: int) -> list[Any]:
        """What followed the source in a question, from 0."""
        items: list[Any] = self.questions[question].body["input"]
        assert items[0] == {"role": "user", "content": "the source"}, "the prefix stays"
        return items[1:]


def test_calls_and_thoughts_go_back_as_they_came_with_the_results() -> None:
    second = streamed((call("trial", {"number": 4}, "2"), call("trial", {}, "3")), "gpt-5", used())
    asked = Asked([Events(LOOKS), Events(second), ANSWERS])
    looked, again, answer = asked.replies
    assert [(call.name, call.arguments) for call in looked.calls] == [("trial", {"number": 3})]
    assert [call.id for call in again.calls] == ["call_2", "call_3"]
    assert answer.arguments == IDEA
    assert asked.questions[0].body["include"] == ["reasoning.encrypted_content"]
    assert asked.questions[0].body["store"] is False
    sealed, called, result, *rest = asked.sent(2)
    assert sealed == thoughts("sealed") and called == call("trial", {"number": 3})
    assert result == {"type": "function_call_output", "call_id": "call_1", "output": "of call_1"}
    kinds = [item["type"] for item in rest]
    assert kinds == ["function_call"] * 2 + ["function_call_output"] * 2
    assert asked.sent(1) == asked.sent(2)[:3], "what was said stays, so that it is cached"


def test_nulls_of_an_item_do_not_go_back() -> None:
    """The API sends `"status": null` with thoughts, and refuses to take it."""
    nulls = {"status": None, "content": None}
    looks = streamed(({**thoughts("sealed"), **nulls}, call("trial", {})), "gpt-5", used())
    asked = Asked([Events(looks), ANSWERS])
    assert asked.sent(1)[0] == thoughts("sealed")


@pytest.mark.parametrize(
    "words",
    [
        "Encrypted content is not supported with this model.",
        "The encrypted content gAAA could not be verified.",
        "Unknown parameter: 'include'.",
    ],
)
def test_a_server_that_takes_no_thoughts_back_is_asked_without_them(words: str) -> None:
    refused = Status(400, words, "invalid_request_error")
    asked = Asked([Events(LOOKS), refused, ANSWERS], effort="high")
    assert asked.replies[-1].arguments == IDEA
    body = asked.questions[2].body
    assert "include" not in body and body["reasoning"] == {"effort": "high"}
    assert [item["type"] for item in asked.sent(2)] == ["function_call", "function_call_output"]


def test_a_chat_that_must_change_to_responses_between_two_turns_goes_on() -> None:
    chat = {"role": "assistant", "content": "", "tool_calls": []}
    look = Reply(model="m", calls=(Call(id="c", name="trial", arguments={}),), native=chat)
    turn = Turn(calls=look.calls, results=("the log",), native=look.native)
    with ResponsesServer([WANTED, ANSWERS]) as server:
        patience = Patience(30.0, threading.Event(), first_wait=0.01)
        model = OpenAI("gpt-5", "key", patience, f"{server.url}/v1")
        assert model.complete(FIRST.model_copy(update={"turns": (turn,)})).arguments == IDEA
    called, result = server.questions[1].body["input"][1:]
    assert (called["name"], called["call_id"], result["call_id"]) == ("trial", "c", "c")


def test_the_cost_of_a_proposal_is_that_of_all_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    costly = streamed((call("trial", {}),), "gpt-5", used(3_000, 1_000, 50))
    idea = ToolCall(draft(DEEPER), name="propose", cached_tokens=400)
    with ResponsesServer([WANTED, Events(costly), idea]) as server:
        patience = Patience(30.0, threading.Event(), first_wait=0.01)
        model = OpenAI("gpt-5", "key", patience, f"{server.url}/v1")
        monkeypatch.setattr(model, "_url", None)  # priced as OpenAI itself
        made = Code(model).propose(bounded())
    by = made.by
    assert isinstance(made, Proposal)
    assert (by.calls, by.input_tokens, by.cached_tokens, by.output_tokens) == (2, 4_000, 1_400, 150)
    dollars = {"fresh": 1.25e-6, "cached": 0.125e-6, "written": 10e-6}
    spent = 2_600 * dollars["fresh"] + 1_400 * dollars["cached"] + 150 * dollars["written"]
    assert by.cost == pytest.approx(spent)
    assert [look.tool for look in by.looked] == ["trial"]


# ---------------------------------------------------------------- what is no answer


def test_a_refusal_and_a_filtered_answer_are_said() -> None:
    no = message({"type": "refusal", "refusal": "I cannot help with that."})
    (reply,) = Asked([Events(streamed((no,), "gpt-5", used()))]).replies
    assert reply.text == "I cannot help with that." and not reply.cut_off
    details = {"reason": "content_filter"}
    filtered = streamed((), "gpt-5", used(), "incomplete", incomplete_details=details)
    (reply,) = Asked([Events(filtered)]).replies
    assert reply.text == DECLINED and not reply.cut_off


@pytest.mark.parametrize("broken", [{"response": True}, {"response": {"created_at": 10**400}}])
def test_an_answer_of_other_types_is_asked_for_again(broken: dict[str, Any]) -> None:
    asked = Asked([Events(({"type": "response.completed", **broken},)), ANSWERS])
    assert asked.replies[-1].arguments == IDEA


def test_an_answer_that_ends_among_its_thoughts_gets_more_room() -> None:
    details = {"reason": "max_output_tokens"}
    only = streamed((thoughts("x"),), "gpt-5", used(), "incomplete", incomplete_details=details)
    asked = Asked([Events(only), ANSWERS], questions=2)
    (reply, _) = asked.replies
    assert reply.cut_off and reply.text == ONLY_THOUGHT
    limits = [question.body["max_output_tokens"] for question in asked.questions]
    assert limits[1] == 2 * limits[0]


def test_an_output_limit_is_learnt_from_the_refusal() -> None:
    words = "max_output_tokens is too large: 16000. This model supports at most 8192 tokens."
    refused = Status(400, words, "invalid_request_error")
    asked = Asked([refused, Events(LOOKS), ANSWERS])
    limits = [question.body["max_output_tokens"] for question in asked.questions]
    assert limits == [16_000, 8_192, 8_192]


def test_calls_that_no_server_read_are_calls_and_go_back_with_ids_of_their_own() -> None:
    looks = '<tool_call>{"name": "trial", "arguments": {"number": 3}}</tool_call>'
    answer = f"<think>no</think>[propose(hypothesis='h', edits={IDEA['edits']})]"
    asked = Asked([Text(looks), Text(looks), Text(answer)])
    assert [reply.calls[0].arguments for reply in asked.replies[:2]] == [{"number": 3}] * 2
    ids = [item["call_id"] for item in asked.sent(2) if item.get("type") == "function_call"]
    assert len(set(ids)) == 2 and asked.replies[2].arguments == IDEA


def test_text_without_a_call_is_the_answer() -> None:
    (reply,) = Asked([Text("I would raise the rate.")]).replies
    assert reply.text == "I would raise the rate." and reply.arguments is None


@pytest.mark.parametrize("usage", [None, {"input_tokens": None, "output_tokens": 7}])
def test_usage_that_a_server_leaves_out_is_nought(usage: Any) -> None:
    (reply,) = Asked([Events(streamed((message(text("so")),), "gpt-5", usage))]).replies
    assert (reply.input_tokens, reply.output_tokens) == (0, 7 if usage else 0)


def test_items_of_other_kinds_and_nonsense_are_passed_over() -> None:
    search = {"type": "web_search_call", "id": "w", "status": "completed"}
    odd = (search, message(), message(text("so")))
    (reply,) = Asked([Events(streamed(odd, "gpt-5", used()))]).replies
    assert reply.text == "so"


# ---------------------------------------------------------------- failures inside a stream


def test_an_error_in_a_stream_is_tried_again_and_its_reason_told() -> None:
    error = {"type": "error", "code": "server_error", "message": "it fell over", "param": None}
    failure = {"code": "server_error", "message": "it failed"}
    failed = streamed((), "gpt-5", None, "failed", error=failure)
    asked = Asked([Events((error,)), Events(failed), Truncated(), ANSWERS])
    assert asked.replies[-1].arguments == IDEA and len(asked.questions) == 4
    with pytest.raises(ModelFault, match="it fell over"):
        Asked([Events((error,))] * 500, seconds=0.5)


@pytest.mark.parametrize("kind", ["error", "failed"])
def test_a_limit_in_a_stream_is_waited_for_and_a_wrong_question_is_not(kind: str) -> None:
    def said(code: str, words: str) -> Events:
        failure = {"code": code, "message": words}
        if kind == "error":
            return Events(({"type": "error", "param": None, **failure},))
        return Events(streamed((), "gpt-5", None, "failed", error=failure))

    with pytest.raises(ModelLimited, match="Rate limit"):
        Asked([said("rate_limit_exceeded", "Rate limit reached. Please try again in 2h0m0s.")])
    with pytest.raises(ModelLimited, match="slow down"):
        Asked([said("rate_limit_exceeded", "slow down")] * 500, seconds=0.5)
    with pytest.raises(ModelFault, match="policy") as caught:
        Asked([said("invalid_prompt", "against the usage policy")])
    assert type(caught.value) is ModelFault


def test_silence_in_the_middle_of_an_answer_ends_it_and_asks_again() -> None:
    stalls = Events(LOOKS[:2], then=30.0)
    asked = Asked([stalls, ANSWERS], seconds=6.0)
    assert asked.replies[-1].arguments == IDEA and len(asked.questions) == 2
