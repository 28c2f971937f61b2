"""The real Claude Code and Codex against a loopback provider: `make clients` installs them."""

import json
import os
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelFault, ModelLimited
from agent.llm.command import Command
from agent.llm.model import Reply, Request
from agent.llm.patience import Patience
from agent.propose.code.tool import propose_tool
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Events, Status, ToolCall

pytestmark = pytest.mark.slow
INSTALLED = Path(__file__).parents[3] / ".clients" / "node_modules" / ".bin"
PATHS = f"{INSTALLED}:{os.environ['PATH']}"
IDEA = {"hypothesis": "h", "edits": [{"kind": "set_constant", "name": "A", "value": "1"}]}
REQUEST = Request(system="the rules", blocks=("the source", "the ledger"), tool=propose_tool())
SECONDS = 120.0


def needs(executable: str) -> None:
    if shutil.which(executable, path=PATHS) is None:
        pytest.skip(f"no {executable}: make clients")


def ask(name: str, environment: dict[str, str], home: Path) -> Reply:
    given = {"PATH": PATHS, "HOME": str(home), **environment}
    return Command(name, given, Patience(SECONDS, threading.Event(), 0.01)).complete(REQUEST)


def claude(url: str, home: Path) -> Reply:
    gateway = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": "token"}
    return ask("claude-code:claude-opus-4-6", gateway, home)


def test_claude_code_answers_by_the_schema_and_is_asked_once(tmp_path: Path) -> None:
    needs("claude")
    with AnthropicServer([ToolCall(IDEA, input_tokens=90)] * 3) as server:
        reply = claude(server.url, tmp_path)
    assert reply.arguments == IDEA and reply.cost
    (question,) = server.questions
    assert "the rules" in json.dumps(question.body["system"])
    names = [tool["name"] for tool in question.body["tools"]]
    assert names == ["StructuredOutput"], "no tool of its own"


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "invalid bearer token"), (404, "model: claude-opus-4-6"), (400, "credit balance low")],
)
def test_claude_codes_refusals_end_at_once_in_its_words(
    tmp_path: Path, status: int, words: str
) -> None:
    needs("claude")
    with AnthropicServer([Status(status, words, "invalid_request_error")] * 50) as server:
        with pytest.raises(ModelFault) as caught:
            claude(server.url, tmp_path)
        assert len(server.questions) <= 4
    assert type(caught.value) is ModelFault
    assert "{" not in caught.value.message and "claude-code" in caught.value.message


def test_the_end_of_a_subscriptions_window_is_a_limit_with_its_time(tmp_path: Path) -> None:
    needs("claude")
    lifts = str(int(time.time()) + 7200)
    window = {
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": lifts,
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
        "anthropic-ratelimit-unified-5h-status": "rejected",
        "anthropic-ratelimit-unified-5h-reset": lifts,
    }
    limit = Status(429, "Please try again later.", "rate_limit_error", window)
    with AnthropicServer([limit] * 4) as server, pytest.raises(ModelLimited) as caught:
        subscription = {"ANTHROPIC_AUTH_TOKEN": "", "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-x"}
        ask("claude-code", {"ANTHROPIC_BASE_URL": server.url, **subscription}, tmp_path)
    assert 3600 < (caught.value.until - datetime.now(UTC)).total_seconds() < 3 * 3600
    assert "session limit" in caught.value.message


class Limited(OpenAIServer):
    """Refuses as ChatGPT does at the end of a window."""

    def error_body(self, step: Status) -> dict[str, Any]:
        at = int(time.time()) + 3 * 86_400
        return {"error": {"type": "usage_limit_reached", "message": "limit", "resets_at": at}}


def test_the_end_of_codexs_window_is_a_limit_with_its_time(tmp_path: Path) -> None:
    needs("codex")
    with Limited([Status(429)] * 4) as server, pytest.raises(ModelLimited) as caught:
        codex(server.url, tmp_path)
    assert 2 < (caught.value.until - datetime.now(UTC)).total_seconds() / 86_400 < 4
    assert "usage limit" in caught.value.message


def test_a_codex_that_waits_for_hours_is_told_at_once_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("codex")
    monkeypatch.setattr("agent.llm.command.STALLED_SECONDS", 3.0)
    limit = Status(429, "slow down", "rate_limit_exceeded", {"retry-after": "7200"})
    lines: list[str] = []
    with OpenAIServer([limit] * 50) as server, pytest.raises(ModelLimited, match="429"):
        given = {"PATH": PATHS, "HOME": str(tmp_path), **codex_home(server.url, tmp_path)}
        patience = Patience(10.0, threading.Event(), 0.01, lines.append)
        Command("codex", given, patience).complete(REQUEST)
    assert any("429" in line for line in lines)


def codex(url: str, home: Path, more: str = "") -> Reply:
    return ask("codex", codex_home(url, home, more), home)


def codex_home(url: str, home: Path, more: str = "") -> dict[str, str]:
    """Configure Codex to ask the loopback provider."""
    config = home / ".codex"
    config.mkdir(exist_ok=True)
    (config / "config.toml").write_text(
        'model = "gpt-5"\nmodel_provider = "loop"\n[model_providers.loop]\nname = "loop"\n'
        f'base_url = "{url}/v1"\nwire_api = "responses"\nstream_max_retries = 1\n'
        f"request_max_retries = 0\n{more}"
    )
    return {"CODEX_HOME": str(config)}


def answered(text: str) -> Events:
    content = [{"type": "output_text", "text": text}]
    item = {"type": "message", "role": "assistant", "id": "m", "content": content}
    usage = {"input_tokens": 90, "output_tokens": 8, "total_tokens": 98}
    events: tuple[dict[str, Any], ...] = (
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    )
    return Events(events)


def test_codex_answers_with_our_rules_in_the_place_of_its_own(tmp_path: Path) -> None:
    needs("codex")
    broken = Events(({"type": "response.created", "response": {"id": "r"}},))
    with OpenAIServer([broken, answered(json.dumps(IDEA))]) as server:
        reply = codex(server.url, tmp_path)
    assert reply.text == json.dumps(IDEA) and reply.input_tokens == 90
    assert len(server.questions) == 2, "it tried again by itself, which is no failure"
    body = server.questions[1].body
    assert "the rules" in json.dumps(body) and "coding agent running in" not in json.dumps(body)
    names = {tool.get("name") for tool in body.get("tools", ())}
    assert not names & {"shell", "exec_command", "view_image", "apply_patch"}, names


def test_codex_starts_no_server_of_its_user_for_a_question(tmp_path: Path) -> None:
    """`autoresearch mcp --allow steer` among them would let a proposer steer its own run."""
    needs("codex")
    started = tmp_path / "started"
    server = f'[mcp_servers.steering]\ncommand = "touch"\nargs = ["{started}"]\n'
    with OpenAIServer([answered(json.dumps(IDEA))]) as provider:
        reply = codex(provider.url, tmp_path, server)
    assert reply.text == json.dumps(IDEA)
    tools = json.dumps(provider.questions[0].body.get("tools", ()))
    assert "steering" not in tools and not started.exists()


def test_a_wrong_key_of_codex_ends_at_once_in_its_words(tmp_path: Path) -> None:
    needs("codex")
    refused = OpenAIServer([Status(401, "bad key")] * 50)
    with refused as server, pytest.raises(ModelFault, match="401") as caught:
        codex(server.url, tmp_path)
    assert type(caught.value) is ModelFault and caught.value.next_command == "codex"
