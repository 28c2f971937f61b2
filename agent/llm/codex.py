"""Codex in its exec mode. Tried with the real client 0.171 against a loopback provider.

Its output schema is not used: the provider takes only a strict subset of JSON schema there, in
which no argument of the tool is optional.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.llm.dialects import SERVER, TOKEN, Call, Dialect, count_in, failure_of
from agent.llm.model import AS_JSON, Door, Reply

# No tool that runs a command or reads a file or a page, and none that a plug-in or an app brings.
# Settings that a version does not know are ignored by it.
WITHOUT_TOOLS = (
    "features.plugins=false",
    "features.apps=false",
    "features.shell_tool=false",
    "features.unified_exec=false",
    "features.view_image=false",
    "features.multi_agent=false",
    "features.goals=false",
    "skills.include_instructions=false",
    "tools.experimental_request_user_input.enabled=false",
    'web_search="disabled"',
)


STRONGEST = "xhigh"
"""Codex knows no `max`."""


def _call(call: Call) -> tuple[tuple[str, ...], str]:
    """Return a call in which our rules replace Codex's own instructions."""
    request = call.request
    schema = json.dumps(request.tool.parameters)
    rules = f"{request.system}\n\n{AS_JSON.format(name=request.tool.name)}\n{schema}"
    file = call.folder / "rules.md"
    file.write_text(rules, encoding="utf-8", errors="replace")
    servers = (f"mcp_servers.{name}.enabled=false" for name in _servers(call.environment))
    settings = (*WITHOUT_TOOLS, *servers, f"model_instructions_file={json.dumps(str(file))}")
    arguments = ["exec", "--json", "--sandbox", "read-only", "--skip-git-repo-check", "--ephemeral"]
    for setting in (*settings, *_looks(request.door)):
        arguments += ["-c", setting]
    if call.model:
        arguments += ["--model", call.model]
    if call.effort:
        effort = STRONGEST if call.effort == "max" else call.effort
        arguments += ["-c", f"model_reasoning_effort={json.dumps(effort)}"]
    return (*arguments, "-"), "\n\n".join(request.blocks)


def _looks(door: Door | None) -> tuple[str, ...]:
    """Return the settings with which it may call the tools of a door."""
    if door is None:
        return ()
    own = f"mcp_servers.{SERVER}"
    return (
        f"{own}.url={json.dumps(door.url)}",
        f'{own}.bearer_token_env_var="{TOKEN}"',
        f'{own}.default_tools_approval_mode="approve"',
        f"{own}.tool_timeout_sec=3600",
        f"{own}.startup_timeout_sec=60",
        f"{own}.required=true",
    )


def _servers(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the MCP servers that the user's configuration starts.

    A proposer has none: `autoresearch mcp --allow steer` among them would steer the run that asks.
    """
    home = environment.get("CODEX_HOME") or str(Path(environment.get("HOME", "~"), ".codex"))
    try:
        text = Path(home, "config.toml").expanduser().read_text(encoding="utf-8")
        servers = tomllib.loads(text).get("mcp_servers")
    except (OSError, ValueError):  # Codex itself says what is wrong with it
        return []
    return sorted(servers) if isinstance(servers, dict) else []


def _read(out: str) -> Reply:
    """Return the agent's last message and the sum of its usage, from one JSON event a line.

    An `error` event is none of a failure: the client says so of what it tries again. A turn that
    failed is, or an output without a message.
    """
    text = ""
    error = ""
    usages = []
    for event in _events(out):
        kind = event.get("type")
        if kind == "turn.failed":
            raise failure_of("codex", "codex", _message_in(event.get("error")) or error)
        if kind == "error":
            error = _message_in(event)
        item = event.get("item")
        if kind == "item.completed" and isinstance(item, dict) and _is_message(item):
            text = str(item.get("text") or "")
        usage = event.get("usage")
        if kind == "turn.completed" and isinstance(usage, dict):
            usages.append(usage)
    if not text and error:
        raise failure_of("codex", "codex", error)
    if not text:
        raise ValueError("no message of the agent")
    return Reply(
        model="",
        text=text,
        input_tokens=sum(count_in(usage, "input_tokens") for usage in usages),
        cached_tokens=sum(count_in(usage, "cached_input_tokens") for usage in usages),
        output_tokens=sum(count_in(usage, "output_tokens") for usage in usages),
    )


def _events(out: str) -> Iterator[dict[str, Any]]:
    """Yield the events; a warning between them is none."""
    for line in out.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _notice(line: str) -> str:
    """Return the message of an `error` event; else Codex waits as its provider asks, silently."""
    event = next(_events(line), {})
    return _message_in(event) if event.get("type") == "error" else ""


def _message_in(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error or "")


def _is_message(item: Mapping[str, Any]) -> bool:
    return item.get("type", item.get("item_type")) in ("agent_message", "assistant_message")


CODEX = Dialect("codex", _call, _read, notice=_notice)
