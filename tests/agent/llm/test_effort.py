"""How hard a model is asked to think, on the wire of both SDKs and in the clients' arguments."""

import threading
from pathlib import Path
from typing import Any

import pytest

from agent.llm.anthropic import Anthropic
from agent.llm.claude_code import CLAUDE_CODE
from agent.llm.codex import CODEX
from agent.llm.dialects import Call
from agent.llm.effort import Effort
from agent.llm.model import Request, Tool
from agent.llm.openai import OpenAI
from agent.llm.patience import Patience
from tests.loopback.anthropic_server import AnthropicServer, model
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, Step, Text, ToolCall

REQUEST = Request(
    system="the rules",
    blocks=("the ledger",),
    tool=Tool(name="propose", description="Propose.", parameters={"type": "object"}),
    max_output_tokens=1_000,
)
GOOD = ToolCall({"hypothesis": "h"})
NAMES = {"adaptive": "claude-opus-4-6", "enabled": "claude-of-an-older-kind"}
LEVELS = {level: {"supported": True} for level in ("low", "medium", "high", "max")}


def patience(lines: list[str] | None = None) -> Patience:
    tell = (lines if lines is not None else []).append
    return Patience(10.0, threading.Event(), first_wait=0.01, tell=tell)


def thinker(way: str, levels: dict[str, Any] | None) -> dict[str, Any]:
    entry = model(NAMES[way], "2026-01-01T00:00:00Z", thinks={way: True})
    if levels is not None:
        entry["capabilities"]["effort"] = {"supported": True, **levels}
    return entry


def claude(effort: Effort | None, way: str, levels: dict[str, Any] | None, *steps: Step) -> Any:
    """Ask once for each step; return the bodies, and what was told."""
    lines: list[str] = []
    with AnthropicServer(steps, [thinker(way, levels)]) as server:
        opened = Anthropic(NAMES[way], "key", patience(lines), server.url, effort)
        for _ in steps:
            opened.complete(REQUEST)
        return [question.body for question in server.questions], lines


def test_claude_thinks_as_hard_as_asked_and_may_answer_longer() -> None:
    [body], lines = claude("high", "adaptive", LEVELS, GOOD)
    assert body["output_config"] == {"effort": "high"} and body["max_tokens"] == 2_000
    assert lines == []
    [body], _ = claude(None, "adaptive", LEVELS, GOOD)
    assert "output_config" not in body and body["max_tokens"] == 1_000


def test_an_effort_that_claude_does_not_know_is_told_and_left_out() -> None:
    for levels in (LEVELS, None):
        [first, second], lines = claude("xhigh", "adaptive", levels, GOOD, GOOD)
        assert "output_config" not in first and "output_config" not in second
        assert lines == ["claude-opus-4-6 knows no effort 'xhigh', so none is asked for"]


def test_an_older_claude_gets_its_share_of_tokens_for_thoughts() -> None:
    [body], _ = claude("max", "enabled", LEVELS, GOOD)
    assert body["max_tokens"] == 4_024, "the answer itself needs room, too"
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 3_000}


def test_a_claude_that_only_thought_may_answer_longer_the_next_time() -> None:
    bodies, _ = claude(None, "adaptive", None, *[Text("", cut_off=True)] * 4)
    assert [body["max_tokens"] for body in bodies] == [1_000, 2_000, 4_000, 4_000]


def gpt(effort: Effort | None, *steps: Step) -> list[dict[str, Any]]:
    """Ask once; return the bodies of all attempts."""
    with OpenAIServer(steps) as server:
        opened = OpenAI("gpt-5", "key", patience(), f"{server.url}/v1", effort)
        opened.complete(REQUEST)
        return [question.body for question in server.questions]


def test_gpt_thinks_as_hard_as_asked_and_may_answer_longer() -> None:
    [body] = gpt("high", GOOD)
    assert (body["reasoning_effort"], body["max_tokens"]) == ("high", 2_000)
    [body] = gpt(None, GOOD)
    assert "reasoning_effort" not in body and body["max_tokens"] == 1_000


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported value: 'reasoning_effort' does not support 'max' with this model.",
        "reasoning_effort: Input should be 'low', 'medium' or 'high'",
    ],
)
def test_a_level_that_a_server_refuses_is_followed_by_an_easier_one(words: str) -> None:
    bodies = gpt("max", Status(400, words), Status(400, words), GOOD)
    assert [body["reasoning_effort"] for body in bodies] == ["max", "xhigh", "high"]


def test_a_server_without_effort_is_asked_without() -> None:
    refused = Status(400, "Unrecognized request argument supplied: reasoning_effort")
    bodies = gpt("low", refused, GOOD)
    assert [body.get("reasoning_effort") for body in bodies] == ["low", None]


def test_the_clients_get_it_as_they_call_it(tmp_path: Path) -> None:
    for effort, of_codex in (("high", "high"), ("max", "xhigh")):
        call = Call(None, REQUEST, tmp_path, effort=effort)
        words, _ = CLAUDE_CODE.call(call)
        assert words[words.index("--effort") + 1] == effort
        words, _ = CODEX.call(call)
        assert f'model_reasoning_effort="{of_codex}"' in words
    words, _ = CLAUDE_CODE.call(Call(None, REQUEST, tmp_path))
    assert "--effort" not in words
