"""The real clients drive the server: Claude Code, Codex, and the protocol's tools."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.agent.serve.client import TOKEN
from tests.agent.serve.clients import (
    anthropic,
    ask_claude,
    ask_codex,
    client,
    run,
    with_token,
)
from tests.agent.serve.test_read import READ
from tests.agent.serve.test_steer import working
from tests.agent.serve.test_transports import MCP, serving
from tests.e2e.researcher import AUTORESEARCH, TRAIN, ledger, miniature, type_in, wait_for
from tests.loopback.responses_server import ResponsesServer
from tests.loopback.wire import Text, ToolCall

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
SLOW = TRAIN.replace("pause = 0.0", "pause = 0.5")
SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
TELL = {"text": "leave the depth alone"}
TRY = {"hypothesis": "the best of it", "constants": {"LR": 0.4, "DEPTH": 8}, "id": "mine"}
PATIENCE = 10
"""How often Claude Code is told to wait for a server that takes long to start."""
WAIT = {"input": "mine", "seconds": 60}


def test_the_inspector_lists_and_calls_the_tools(home: Path, tmp_path: Path) -> None:
    command = (client("mcp-inspector"), "--cli", str(AUTORESEARCH), "mcp", "--method")
    listing = run(home, tmp_path, *command, "tools/list")
    assert tuple(tool["name"] for tool in json.loads(listing.stdout)["tools"]) == READ
    called = run(
        home, tmp_path, *command, "tools/call", "--tool-name", "trial", "--tool-arg", "number=1"
    )
    assert json.loads(called.stdout)["structuredContent"]["row"]["value"] == 1.4


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_server_conforms_to_the_protocol(home: Path, tmp_path: Path, scenario: str) -> None:
    """These scenarios ask for no tools of the conformance suite's own."""
    command = client("conformance")
    with (
        serving(home, **{MCP: TOKEN}) as server,
        with_token(server.url, TOKEN) as url,
    ):
        result = run(tmp_path, tmp_path, command, "server", "--url", url, "--scenario", scenario)
    assert result.returncode == 0, result.stdout + result.stderr


def test_claude_code_drives_a_run(tmp_path: Path) -> None:
    home = miniature(tmp_path / "repository", SLOW)
    client("claude")
    server = {"command": str(AUTORESEARCH), "args": ["mcp", "--allow", "steer"]}
    configuration = json.dumps({"mcpServers": {"autoresearch": server}})
    steps = [
        *[ToolCall({}, name="WaitForMcpServers")] * PATIENCE,
        ToolCall(TELL, name="mcp__autoresearch__tell"),
        ToolCall(TRY, name="mcp__autoresearch__try"),
        ToolCall(WAIT, name="mcp__autoresearch__wait"),
        Text("It was kept."),
    ]
    with working(home, "--trials", "500"), anthropic(steps) as provider:
        events = ask_claude(
            home,
            tmp_path / "home",
            provider,
            "Try the best of it.",
            *("--mcp-config", configuration, "--strict-mcp-config"),
            *("--allowedTools", "mcp__autoresearch"),
        )
        wait_for(lambda: tried(home), what="the trial's verdict")
    assert events[-1]["result"] == "It was kept."
    check(tried(home), "mcp claude-code")


def test_codex_drives_a_run(tmp_path: Path) -> None:
    home = miniature(tmp_path / "repository", SLOW)
    client("codex")
    steps = [
        ToolCall(TELL, name="mcp__autoresearch.tell"),
        ToolCall(TRY, name="mcp__autoresearch.try"),
        ToolCall(WAIT, name="mcp__autoresearch.wait"),
        Text("It was kept."),
    ]
    values = {
        "command": str(AUTORESEARCH),
        "args": ["mcp", "--allow", "steer"],
        "required": True,
        "startup_timeout_sec": 60,
    }
    settings = [
        f"--config=mcp_servers.autoresearch.{name}={json.dumps(value)}"
        for name, value in values.items()
    ]
    with working(home, "--trials", "500"), ResponsesServer(steps) as provider:
        events = ask_codex(home, tmp_path / "home", provider, "Try the best of it.", *settings)
        wait_for(lambda: tried(home), what="the trial's verdict")
    calls = [event["item"] for event in events if event["type"] == "item.completed"]
    calls = [item for item in calls if item["type"] == "mcp_tool_call"]
    assert [(call["tool"], call["status"]) for call in calls] == [
        ("tell", "completed"),
        ("try", "completed"),
        ("wait", "completed"),
    ]
    check(tried(home), "mcp codex")


def tried(home: Path) -> list[dict[str, Any]]:
    """Return the trials that came of the input of the client."""
    trials = ledger(home, "t")
    return [trial for trial in trials if trial["proposal"]["by"].get("inputs") == ["mine"]]


def check(trials: list[dict[str, Any]], sender: str) -> None:
    """Check that the run recorded one trial as an agent's, and judged it like any other."""
    [trial] = trials
    assert (trial["proposal"]["by"]["origin"], trial["status"]) == ("human", "keep")
    assert trial["proposal"]["rationale"].startswith(f"given by {sender}")


def test_both_clients_list_the_skill_once_it_is_installed(tmp_path: Path) -> None:
    folder = miniature(tmp_path / "repository")
    home = tmp_path / "home"
    listed = []
    for action in ("install", "uninstall"):
        assert type_in(folder, "skill", action, "--yes").returncode == 0
        with anthropic([Text("Hello.")]) as provider:
            events = ask_claude(folder, home, provider, "Hello")
        prompt = run(folder, home, client("codex"), "debug", "prompt-input", "Hello").stdout
        listed.append(("autoresearch" in events[0]["slash_commands"], "- autoresearch:" in prompt))
    assert listed == [(True, True), (False, False)]


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_client_takes_each_line_of_the_page(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    lines = re.findall(rf"^{name} .*", page, re.MULTILINE)
    assert len(lines) == 3
    shutil.copytree(ROOT / "plugin", tmp_path / "plugin")
    for number, line in enumerate(lines):
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            done = run(tmp_path, tmp_path / f"home{number}", client(name), *words[1:])
            assert done.returncode == 0, (command, done.stdout, done.stderr)


def test_claude_code_takes_the_plug_in(tmp_path: Path) -> None:
    claude = client("claude")
    plugin = str(ROOT / "plugin")
    home = tmp_path / "home"
    validated = run(tmp_path, home, claude, "plugin", "validate", plugin)
    assert "Validation passed" in validated.stdout and "warning" not in validated.stdout
    run(tmp_path, home, claude, "plugin", "marketplace", "add", plugin)
    run(tmp_path, home, claude, "plugin", "install", "autoresearch@autoresearch")
    details = run(tmp_path, home, claude, "plugin", "details", "autoresearch").stdout
    assert "Skills (1)  autoresearch" in details and "MCP servers (1)  autoresearch" in details


def test_codex_takes_the_plug_in(tmp_path: Path) -> None:
    codex = client("codex")
    home = tmp_path / "home"
    run(tmp_path, home, codex, "plugin", "marketplace", "add", str(ROOT / "plugin"))
    run(tmp_path, home, codex, "plugin", "add", "autoresearch@autoresearch")
    listing = run(tmp_path, home, codex, "plugin", "list").stdout
    assert "autoresearch@autoresearch  installed, enabled" in listing


def test_claude_code_reads_over_http(home: Path, tmp_path: Path) -> None:
    client("claude")
    steps = [
        *[ToolCall({}, name="WaitForMcpServers")] * PATIENCE,
        ToolCall({"number": 1}, name="mcp__autoresearch__trial"),
        Text("It is 1.4."),
    ]
    with serving(home, **{MCP: TOKEN}) as server, anthropic(steps) as provider:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        own = {"type": "http", "url": server.url, "headers": headers}
        events = ask_claude(
            home,
            tmp_path / "home",
            provider,
            "How good is trial 1?",
            *("--mcp-config", json.dumps({"mcpServers": {"autoresearch": own}})),
            *("--strict-mcp-config", "--allowedTools", "mcp__autoresearch"),
        )
    results = [event for event in events if event["type"] == "user"]
    answer = results[-1]["message"]["content"][0]
    assert not answer.get("is_error") and '"value":1.4' in json.dumps(answer["content"]).replace(
        "\\", ""
    )
