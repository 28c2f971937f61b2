"""Claude Code in print mode. Tried with the real client 2.1 against a loopback provider."""

import json
from pathlib import Path

from agent.llm.dialects import SERVER, Call, Dialect, count_in, failure_of
from agent.llm.model import Door, Reply

# No tools, no settings of the user's or the folder's, nothing kept.
WITHOUT_TOOLS = (
    *("--tools", ""),
    "--strict-mcp-config",
    *("--setting-sources", ""),
    "--no-session-persistence",
)


def _call(call: Call) -> tuple[tuple[str, ...], str]:
    """Return a call whose answer the client itself holds to the tool's schema."""
    request = call.request
    rules = f"{request.system}\n\nYour answer is the argument of `{request.tool.name}`."
    chosen = ("--model", call.model) if call.model else ()
    effort = ("--effort", call.effort) if call.effort else ()
    form = ("-p", "--output-format", "json")
    schema = ("--json-schema", json.dumps(request.tool.parameters))
    looks = _looks(request.door, call.folder) if request.door else ()
    options = (*form, *WITHOUT_TOOLS, *looks)
    arguments = (*options, "--system-prompt", rules, *schema, *chosen, *effort)
    return arguments, "\n\n".join(request.blocks)


def _looks(door: Door, folder: Path) -> tuple[str, ...]:
    """Return the options that let the client look things up, and do nothing else.

    The token is in a file of a folder of its own, and in no process's arguments.
    """
    server = {
        "type": "http",
        "url": door.url,
        "headers": {"Authorization": f"Bearer {door.token}"},
    }
    file = folder / "mcp.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"mcpServers": {SERVER: server}}))
    names = ",".join(f"mcp__{SERVER}__{tool}" for tool in door.tools)
    return ("--mcp-config", str(file), "--allowedTools", names)


def _read(out: str) -> Reply:
    answer = json.loads(out)
    if answer.get("is_error"):
        message = str(answer.get("result") or answer.get("subtype"))
        status = answer.get("api_error_status")
        known = status if isinstance(status, int) else None
        raise failure_of("claude-code", "claude", message, known)
    usage = answer.get("usage") or {}
    read = count_in(usage, "cache_read_input_tokens")
    write = count_in(usage, "cache_creation_input_tokens")
    structured = answer.get("structured_output")
    return Reply(
        model=next(iter(answer.get("modelUsage") or {}), ""),
        text=str(answer["result"]),
        arguments=structured if isinstance(structured, dict) else None,
        cut_off=answer.get("stop_reason") == "max_tokens",
        input_tokens=count_in(usage, "input_tokens") + read + write,
        cached_tokens=read,
        output_tokens=count_in(usage, "output_tokens"),
        cost=answer.get("total_cost_usd"),
    )


# It tries again for minutes by itself, also where a key is wrong: agent/llm/patience.py does that.
# And it asks a second question for the title of a session that is not kept.
# Its tools are listed from the beginning, and may take as long as a probe.
ENVIRONMENT = {
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "ENABLE_TOOL_SEARCH": "false",
    "MCP_TOOL_TIMEOUT": "3600000",
}
CLAUDE_CODE = Dialect("claude", _call, _read, ENVIRONMENT)
