"""The commands about models, on real runs."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from tests.agent.study import ListProposer, loop_of, proposal, study
from tests.loopback import anthropic_server, openai_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_prompt_shows_the_next_question_word_for_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path, trials=7, max_cost=2.0) as history:
        bad = proposal(LR=0.9, hypothesis="see \x1b[2J", cost=0.5)
        list(
            loop_of(
                history, ListProposer([proposal(LR=0.3, hypothesis="a larger rate"), bad]), trials=2
            ).events()
        )
    monkeypatch.chdir(tmp_path)
    shown = typed("prompt")
    for part in (
        "Lower val_bpb.",
        "LR = 0.3 [0.01 .. 1 log]",
        '"a larger rate"',
        "5 trials, $1.50",
        "===== about ",
        "see \\x1b[2J",
    ):
        assert part in shown, part
    assert "\x1b" not in shown
    asked = json.loads(typed("prompt", "t", "--json"))
    assert asked["system"] in shown and all(block in shown for block in asked["blocks"])
    assert asked["tool"]["name"] == "propose" and asked["index"] == 2


def test_models_lists_what_each_key_server_and_command_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "No model available: no API key" in typed("models") and "without --model: none" in typed(
        "models"
    )
    (tmp_path / "codex").write_text("#!/bin/sh\n")
    (tmp_path / "codex").chmod(0o755)
    claudes = [
        anthropic_server.model("claude-opus-4-6", "2026-02-05T00:00:00Z"),
        anthropic_server.model("claude-opus-9", "2026-09-05T00:00:00Z"),
    ]
    with (
        AnthropicServer(models=claudes) as claude,
        OpenAIServer(models=[openai_server.model("qwen3", 1)]) as local,
    ):
        for name, value in {
            "ANTHROPIC_API_KEY": "sk-secret",
            "ANTHROPIC_BASE_URL": claude.url,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{local.url}/v1")
        lines = typed("models").splitlines()
        available = json.loads(typed("models", "--json"))
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["claude-opus-4-6"][1:3] == ["$5.00", "$25.00"]
    assert rows["claude-opus-9"][1] == "unknown" and rows["claude-opus-9"][-1] == "opus"
    assert "qwen3" in rows and "codex" in rows
    assert lines[-1] == "without --model: opus"
    assert [offer["model"] for offer in available] == [
        "claude-opus-4-6",
        "claude-opus-9",
        "qwen3",
        "codex",
    ]
    assert "sk-secret" not in json.dumps(available)


def test_a_list_that_cannot_be_had_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    with AnthropicServer() as server:
        server.refuse = Status(401, "invalid x-api-key: sk-secret")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        shown = typed("models")
    assert "answered 401" in shown and "sk-secret" not in shown


def test_a_list_that_a_limit_keeps_back_says_when_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with OpenAIServer() as server:
        server.refuse = Status(429, "usage limit", "rate_limit_error", {"retry-after": "7200"})
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        (offer,) = json.loads(typed("models", "--json"))
    assert re.match(r"not before (\d+ \w+ )?\d\d:\d\d: .*answered 429: usage limit", offer["note"])
