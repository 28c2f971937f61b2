"""Outputs of Claude Code and Codex that are none of the usual: noise, failures, limits."""

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited, ModelUnavailable
from agent.llm import patience as patience_module
from agent.llm.claude_code import CLAUDE_CODE
from agent.llm.codex import CODEX
from agent.llm.command import LOOKED_ON, MAX_REFUSED, Command
from agent.llm.dialects import failure_of, readable
from agent.llm.model import Door
from agent.llm.patience import Patience, Transient
from tests.agent.llm.test_command import ANSWER, CLAUDE, REQUEST, ask, stand_in
from tests.agent.llm.test_command import CODEX as CODEX_EVENTS

LINES = "\n".join(map(json.dumps, CODEX_EVENTS))


def claude(**more: Any) -> str:
    return json.dumps({**CLAUDE, **more})


@pytest.mark.parametrize(
    "out",
    [
        json.dumps([{"type": "system"}, {"type": "assistant"}, CLAUDE]),
        f"(node:1) Warning: x is deprecated\n{claude()}\n",
        f"{claude()}\nnpm notice a new version is there\n",
        f'{{"type": "system"}}\n{{"type": "result", "subtype": "old"}}\n{claude()}',
        claude(total_cost_usd="a lot", usage=None, modelUsage=[]),
        claude(total_cost_usd=-1, usage={"input_tokens": -5, "output_tokens": None}),
        claude(total_cost_usd=math.nan),
        claude(result=None, structured_output=json.loads(ANSWER)),
    ],
    ids=["list", "warning", "notice", "lines", "text-cost", "negative", "nan", "structured"],
)
def test_an_answer_of_claudes_is_found_among_anything(out: str) -> None:
    reply = CLAUDE_CODE.read(out)
    assert ANSWER in reply.text or reply.arguments == json.loads(ANSWER)
    assert reply.cost in (0.25, None)


@pytest.mark.parametrize("kind", ["turns", "budget_usd", "structured_output_retries"])
def test_what_claude_gave_up_was_paid_for_and_is_no_failure_to_repeat(kind: str) -> None:
    errors = ["Failed to provide valid structured output"]
    answer = {**CLAUDE, "subtype": f"error_max_{kind}", "is_error": True, "errors": errors}
    del answer["result"]
    reply = CLAUDE_CODE.read(json.dumps(answer))
    assert (reply.text, reply.arguments, reply.cost) == (errors[0], None, 0.25)


def test_the_errors_of_a_failed_session_are_its_reason() -> None:
    answer = {**CLAUDE, "subtype": "error_during_execution", "is_error": True}
    del answer["result"]
    with pytest.raises(Transient, match="the disk is full; and the cat is away"):
        CLAUDE_CODE.read(
            json.dumps({**answer, "errors": ["the disk is full", "and the cat is away"]})
        )
    with pytest.raises(Transient, match="error_during_execution"):
        CLAUDE_CODE.read(json.dumps(answer))


@pytest.mark.parametrize("out", ["", "null", "[]", "3", '"x"', "[" * 5_000, '{"type": "result"'])
def test_no_output_of_claudes_is_a_traceback(out: str) -> None:
    with pytest.raises(ValueError):
        CLAUDE_CODE.read(out)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "item.completed"},
        {"type": "item.completed", "item": "x"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": None}},
        {"type": "turn.completed", "usage": 3},
        {"type": "error"},
        {"type": None},
        [],
        3,
    ],
)
def test_an_odd_event_of_codex_costs_no_answer(event: Any) -> None:
    lines = f"{'[' * 5_000}\n{json.dumps(event)}\n{LINES}"
    assert CODEX.read(lines).text == ANSWER
    assert isinstance(CODEX.notice("[" * 5_000), str)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('unexpected status 400 Bad Request: {"detail": "no"}', "400 Bad Request: no"),
        ('{"detail": "The \'x\' model is not supported"}', "The 'x' model is not supported"),
        ('API Error: 500 {"type":"error","error":{"message":"no"}}', "API Error: 500 no"),
        ("a set {1, 2} of words", "a set {1, 2} of words"),
        ('{"type": "thread.started"}\nsegmentation fault', "segmentation fault"),
    ],
)
def test_reasons_are_readable(message: str, reason: str) -> None:
    assert reason in readable(message) and '{"detail' not in readable(message)


@pytest.mark.parametrize(
    "message",
    [
        "Claude AI usage limit reached",
        "You've hit your limit",
        "You have reached your weekly limit. Upgrade to go on.",
        "Rate limit exceeded, too many requests",
        "API Error: Repeated 529 Overloaded errors",
        "stream error: exceeded retry limit, last status: 429 Too Many Requests",
    ],
)
def test_a_limit_without_a_time_ends_no_run(message: str) -> None:
    failure = failure_of("claude-code", "claude", message)
    assert isinstance(failure, Transient) and failure.limited


@pytest.mark.parametrize(
    "message",
    [
        "Prompt is too long",
        "There's an issue with the selected model (opus-9). It may not exist",
        "The 'gpt-9' model is not supported when using Codex with a ChatGPT account.",
        "Unknown model: gpt-9",
        "Error: model 'x' not found",
    ],
)
def test_what_is_wrong_for_good_is_said_at_once_also_without_a_status(message: str) -> None:
    failure = failure_of("codex", "codex", message)
    assert type(failure) is ModelFault and message in failure.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('sys.exit("Error loading config.toml: line 1")', "Error loading config.toml: line 1"),
        ('print("Welcome to Codex 9!")', "answered in an unknown form"),
    ],
)
def test_a_command_that_only_ever_failed_is_given_up_in_seconds(
    tmp_path: Path, body: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "DEAD_SECONDS", 0.05)
    environment = stand_in(tmp_path, "codex", body)
    with pytest.raises(ModelUnavailable, match="no other answer has come from there") as caught:
        ask("codex", environment, seconds=600.0)
    assert words in caught.value.message


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_an_endless_output_is_bounded(
    tmp_path: Path, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.llm.command.MAX_OUTPUT_BYTES", 2**17)
    body = f"""
for _ in range(2_000):
    print("x" * 200, file=sys.{stream})
print({claude()!r})
"""
    patience = Patience(60.0, threading.Event(), first_wait=120.0)
    model = Command("claude-code", stand_in(tmp_path, "claude", body), patience)
    if stream == "stderr":
        assert model.complete(REQUEST).cost == 0.25, "what it says of errors is read to its end"
        return
    with pytest.raises(ModelUnavailable, match="wrote more than 131072 bytes"):
        model.complete(REQUEST)


@pytest.mark.parametrize(
    ("stream", "bound"), [("stdout", "MAX_OUTPUT_BYTES"), ("stderr", "MAX_ALL_ERRORS_BYTES")]
)
def test_a_flood_is_ended_at_once_and_not_at_the_deadline(
    tmp_path: Path, stream: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"agent.llm.command.{bound}", 2**12)
    body = f'sys.{stream}.write(("x" * 200 + "\\n") * 20_000)'
    patience = Patience(60.0, threading.Event(), first_wait=120.0)
    model = Command("claude-code", stand_in(tmp_path, "claude", body), patience)
    with pytest.raises(ModelUnavailable, match="wrote more than 4096 bytes"):
        model.complete(REQUEST)


@pytest.mark.parametrize("masks", [True, False])
def test_what_a_command_leaves_behind_holds_no_answer_up(
    tmp_path: Path, masks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an updater or a server of tools that outlives its client and holds all of its pipes."""
    if not masks:
        monkeypatch.setattr("agent.llm.command.masked", lambda words, _: list(words))
    child = "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)"
    body = f"{child}; print({claude()!r})"
    secret = tmp_path / "hidden"
    secret.mkdir()
    patience = Patience(30.0, threading.Event(), first_wait=60.0)
    environment = stand_in(tmp_path, "claude", body)
    reply = Command("claude-code", environment, patience, hidden=(secret,)).complete(REQUEST)
    assert reply.cost == 0.25


def test_a_limit_of_a_command_without_a_time_is_a_limit_at_the_deadline(tmp_path: Path) -> None:
    environment = stand_in(tmp_path, "claude", "sys.exit('usage limit reached')")
    patience = Patience(60.0, threading.Event(), first_wait=120.0)
    with pytest.raises(ModelLimited, match="usage limit reached"):
        Command("claude-code", environment, patience).complete(REQUEST)


@pytest.mark.parametrize("times", [MAX_REFUSED, MAX_REFUSED + 1])
def test_a_command_that_looks_on_whatever_it_is_told_is_ended(tmp_path: Path, times: int) -> None:
    seconds = 0.5 if times <= MAX_REFUSED else 600
    body = f"time.sleep({seconds}); print({claude()!r})"
    look = {"tool": "trial", "arguments": "{}", "answer": "Not looked up", "over": True}
    door = Door(url="http://127.0.0.1:1/mcp", token="t" * 20, tools=("trial",))
    door.shown.extend([look] * times)
    model = Command(
        "claude-code",
        stand_in(tmp_path, "claude", body),
        Patience(120.0, threading.Event(), 0.01),
    )
    reply = model.complete(REQUEST.model_copy(update={"door": door}))
    assert (reply.text == LOOKED_ON) == (times > MAX_REFUSED)
