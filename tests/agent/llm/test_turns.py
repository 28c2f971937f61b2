"""Questions in which a model looked something up first, on the wire of each provider."""

import json
import threading
from typing import Any

from agent.llm.anthropic import Anthropic
from agent.llm.model import Call, Reply, Request, Tool, Turn
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from agent.llm.recorded import Recorded, read_exchanges
from agent.propose.code.tool import propose_tool
from tests.loopback import anthropic_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Status, ToolCall

LOOK = Tool(name="trial", description="Show a trial.", parameters={"type": "object"})
FIRST = Request(system="the rules", blocks=("the source",), tool=propose_tool(), tools=(LOOK,))
IDEA = {"hypothesis": "h", "edits": [{"kind": "set_constant", "name": "A", "value": "1"}]}
STEPS = (ToolCall({"number": 3}, "let me see", name="trial"), ToolCall(IDEA, name="propose"))
PATIENCE = Patience(30.0, threading.Event(), 0.01)


def followed(reply: Reply, **more: Any) -> Request:
    turn = Turn(text=reply.text, calls=reply.calls, results=("the log",), native=reply.native)
    return FIRST.model_copy(update={"turns": (turn,), **more})


def looked(reply: Reply) -> bool:
    """Return whether a reply looks at trial 3."""
    assert reply.arguments is None
    return [(call.name, call.arguments) for call in reply.calls] == [("trial", {"number": 3})]


def test_anthropic_gets_the_answer_back_as_it_was_with_the_results() -> None:
    models = [anthropic_server.model("m", "2026-01-01T00:00:00Z", thinks={"adaptive": True})]
    with AnthropicServer(STEPS, models) as server:
        model = Anthropic("m", "key", PATIENCE, server.url)
        reply = model.complete(FIRST)
        assert looked(reply)
        answer = model.complete(followed(reply, closing="propose now", only=True))
    assert answer.arguments == IDEA
    body = server.questions[1].body
    assert [tool["name"] for tool in body["tools"]] == ["propose", "trial"]
    question, said, results = body["messages"]
    assert question == server.questions[0].body["messages"][0], "the prefix stays"
    assert said["content"][0] == {"type": "text", "text": "let me see"}
    assert said["content"][1]["input"] == {"number": 3}
    result, closing = results["content"]
    assert (result["tool_use_id"], result["content"]) == (said["content"][1]["id"], "the log")
    assert closing["text"] == "propose now" and result["cache_control"]


def test_a_claude_that_does_not_think_is_made_to_call_some_tool_and_then_the_one() -> None:
    with AnthropicServer(STEPS) as server:
        model = Anthropic("m", "key", PATIENCE, server.url)
        reply = model.complete(FIRST)
        model.complete(followed(reply, only=True))
    choices = [request.body["tool_choice"] for request in server.questions]
    assert choices == [{"type": "any"}, {"type": "tool", "name": "propose"}]


def test_an_openai_server_gets_the_calls_back_with_its_thoughts() -> None:
    thought = {"delta": {"reasoning_content": "hm"}}
    function = {"name": "trial", "arguments": '{"number": 3}'}
    call = {"index": 0, "id": "c9", "type": "function", "function": function}
    chunks = ({"choices": [thought]}, {"choices": [{"delta": {"tool_calls": [call]}}]})
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    with OpenAIServer([Events((*chunks, end, "[DONE]")), STEPS[1]]) as server:
        model = OpenAI("m", "key", PATIENCE, f"{server.url}/v1")
        reply = model.complete(FIRST)
        assert looked(reply)
        answer = model.complete(followed(reply, closing="propose now", only=True))
    assert answer.arguments == IDEA
    body = server.questions[1].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["propose"], "only that is left"
    *_, said, result, closing = body["messages"]
    assert said["reasoning_content"] == "hm" and said["tool_calls"][0]["id"] == "c9"
    assert result == {"role": "tool", "tool_call_id": "c9", "content": "the log"}
    assert closing == {"role": "user", "content": "propose now"}


def test_a_server_without_tools_reads_what_was_looked_at_as_text() -> None:
    with OpenAIServer([Status(400, "tools are not supported"), ToolCall(IDEA)]) as server:
        model = OpenAI("m", "key", PATIENCE, f"{server.url}/v1")
        call = Call(id="1", name="trial", arguments={"number": 3})
        turn = Turn(calls=(call,), results=("the log",))
        answer = model.complete(FIRST.model_copy(update={"turns": (turn,)}))
    assert json.loads(answer.text) == IDEA
    messages = server.questions[1].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert 'You looked at trial {"number": 3}:\nthe log' in messages[1]["content"]


def test_the_transcript_has_what_is_new_in_each_turn(tmp_path: Any) -> None:
    with AnthropicServer(STEPS) as server:
        model = Recorded(Anthropic("m", "key", PATIENCE, server.url), tmp_path)
        first = model.complete(FIRST)
        turn = Turn(calls=first.calls, results=("the log",), exchange=first.exchange)
        second = model.complete(FIRST.model_copy(update={"turns": (turn,)}))
    assert model.looks == "calls"
    one, two = read_exchanges(tmp_path, [first.exchange, second.exchange])
    assert one.request.blocks == FIRST.blocks and one.reply.calls
    assert first.exchange in two.request.blocks[0]
    assert two.request.turns[0].results == ("the log",)
    assert json.loads(two.reply.model_dump_json())["arguments"] == IDEA
