"""A model that looks before it proposes: both SDKs against loopback providers, real trainings."""

import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.agent.llm.test_real_commands import PATHS
from tests.e2e.researcher import TRAIN, git, ledger, miniature, type_in
from tests.e2e.test_code_agent import KEY, anthropic, openai
from tests.loopback import anthropic_server
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.responses_server import ResponsesServer
from tests.loopback.wire import Step, Text, ToolCall

pytestmark = pytest.mark.slow
FACT = "minimum at LR 0.4"
"""What only the log of the baseline shows."""
TELLS = TRAIN.replace('print("---")', 'print("minimum at LR", 0.8 / 2)\nprint("---")')
PATIENT = "[look]\nwait = 60\n"
"""Trials take no time here, so a slot is always free."""


def looking(folder: Path, train: str = TELLS, settings: str = PATIENT) -> Path:
    home = miniature(folder, train)
    (home / "autoresearch.toml").write_text(settings)
    git(home, "add", ".")
    git(home, "commit", "-qm", "look")
    return home


def researcher(body: dict[str, Any]) -> Step:
    """Look at the baseline's log, and propose what it tells."""
    asked = json.dumps(body["messages"])
    if '"tool_result"' not in asked and '"role": "tool"' not in asked:
        return ToolCall({"number": 0}, name="trial")
    return told_by(asked)


def told_by(asked: str) -> ToolCall:
    """Propose what a log in a question tells; without a log anything."""
    found = re.search(r"minimum at LR ([0-9.]+)", asked)
    value = found[1] if found else "0.11"
    edit = {"kind": "set_constant", "name": "LR", "value": value}
    arguments = {"hypothesis": f"LR {value}, as the log says", "edits": [edit]}
    return ToolCall({**arguments, "rationale": "the log of #0 says so"}, name="propose")


def client(body: dict[str, Any]) -> Step:
    """Do the same as Claude Code's model: by the tools of a server, then by its own answer."""
    names = [tool["name"] for tool in body.get("tools", ())]
    looks = "mcp__autoresearch_look__trial"
    asked = json.dumps(body["messages"])
    if looks not in names and "WaitForMcpServers" in names:
        return ToolCall({}, name="WaitForMcpServers")
    if looks in names and "numbers" not in asked and '"tool_result"' not in asked:
        return ToolCall({"number": 0}, name=looks)
    return replace(told_by(asked), name="StructuredOutput")


def codex_client(body: dict[str, Any]) -> Step:
    """Do the same as Codex's model."""
    asked = json.dumps(body["input"])
    if "function_call_output" not in asked:
        return ToolCall({"number": 0}, name="mcp__autoresearch_look.trial")
    return Text(json.dumps(told_by(asked).arguments))


def start(home: Path, options: list[str], *more: str, **environment: str) -> None:
    bounds = ("--budget", "1steps", "--tag", "t", "--trials", "1")
    run = type_in(home, "start", *options, *bounds, *more, **environment)
    assert run.returncode == 0, run.stderr + run.stdout


def transcript_of(home: Path) -> str:
    return next(home.rglob("transcript.jsonl")).read_text()


@pytest.mark.parametrize("provider", [anthropic, openai])
def test_a_keep_is_made_by_looking_at_a_log(tmp_path: Path, provider: Callable[..., Any]) -> None:
    home = looking(tmp_path)
    server, options, environment = provider(itertools.repeat(researcher))
    with server:
        start(home, options, **environment(server.url))
    [_, trial] = ledger(home, "t")
    assert trial["status"] == "keep" and "0.4" in trial["proposal"]["hypothesis"]
    assert FACT not in json.dumps(server.questions[0].body), "no question tells it"
    by = trial["proposal"]["by"]
    assert [look["tool"] for look in by["looked"]] == ["trial"]
    assert by["calls"] == 2
    shown = type_in(home, "show", "1", "--branch", "t").stdout
    assert 'trial {"number": 0}' in shown
    assert git(home, "log", "--all", "--format=%B").count(KEY) == 0
    transcript = transcript_of(home)
    assert FACT in transcript and KEY not in transcript


def test_claude_code_makes_a_keep_by_looking(tmp_path: Path) -> None:
    """The real client, over the run's own MCP server: what it is shown, it proposes."""
    found = shutil.which("claude", path=PATHS)
    if found is None:
        pytest.skip("no claude: make clients")
    home = looking(tmp_path / "project")
    models = [anthropic_server.model("claude-opus-4-7", "2026-06-01T00:00:00Z")]
    with AnthropicServer(itertools.repeat(client), models) as server:
        gateway = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_AUTH_TOKEN": KEY, "PATH": PATHS}
        options = ["--method", "code", "--model", "claude-code:claude-opus-4-7"]
        start(home, options, "--max-cost", "none", **gateway)
    [_, trial] = ledger(home, "t")
    assert trial["status"] == "keep" and "0.4" in trial["proposal"]["hypothesis"]
    assert [look["tool"] for look in trial["proposal"]["by"]["looked"]] == ["trial"]
    tools = {tool["name"] for request in server.questions for tool in request.body["tools"]}
    assert not tools & {"Bash", "Read", "Write", "Edit"}, tools
    everything = git(home, "log", "--all", "--format=%B") + transcript_of(home)
    assert KEY not in everything and "Bearer" not in everything


def test_codex_makes_a_keep_by_looking(tmp_path: Path) -> None:
    """The real client, over the run's own MCP server."""
    if shutil.which("codex", path=PATHS) is None:
        pytest.skip("no codex: make clients")
    home = looking(tmp_path / "project")
    folder = tmp_path / "codex"
    folder.mkdir()
    with ResponsesServer(itertools.repeat(codex_client)) as server:
        (folder / "config.toml").write_text(
            'model = "gpt-5"\nmodel_provider = "loop"\n[model_providers.loop]\nname = "loop"\n'
            f'base_url = "{server.url}/v1"\nwire_api = "responses"\n'
        )
        options = ["--method", "code", "--model", "codex"]
        start(home, options, CODEX_HOME=str(folder), PATH=PATHS)
    [_, trial] = ledger(home, "t")
    assert trial["status"] == "keep" and "0.4" in trial["proposal"]["hypothesis"]
    assert [look["tool"] for look in trial["proposal"]["by"]["looked"]] == ["trial"]
