"""Claude Code in print mode. Tried with the real client 2.1 against a loopback provider."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.llm.dialects import SERVER, Call, Dialect, count_in, failure_of
from agent.llm.model import Door, Reply
from agent.llm.pricing import dollars_in

# No tools, no settings of the user's or the folder's, nothing kept.
WITHOUT_TOOLS = (
    *("--tools", ""),
    "--strict-mcp-config",
    *("--setting-sources", ""),
    "--no-session-persistence",
)

GIVEN_UP = "error_max_"
"""Prefix of the kinds of result that were paid for and hold no answer: after too many turns,
dollars, or answers that the schema refused. It is an answer, to be sent back, and no failure to
repeat."""


def _call(call: Call) -> tuple[tuple[str, ...], str]:
    """Return a call whose answer the client validates against the tool's schema."""
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
    """Return the options with which the client may look things up, and nothing else.

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
    answer = _result_in(out)
    structured = answer.get("structured_output")
    ended = str(answer.get("subtype")).startswith(GIVEN_UP)
    failed = answer.get("is_error") or ("result" not in answer and structured is None)
    if failed and not ended:
        status = answer.get("api_error_status")
        code = status if isinstance(status, int) else None
        raise failure_of("claude-code", "claude", _message_of(answer), code)
    usage = _mapping(answer.get("usage"))
    read = count_in(usage, "cache_read_input_tokens")
    write = count_in(usage, "cache_creation_input_tokens")
    return Reply(
        model=next(iter(_mapping(answer.get("modelUsage"))), ""),
        text=_message_of(answer) if failed else str(answer.get("result") or ""),
        arguments=structured if isinstance(structured, dict) else None,
        cut_off=answer.get("stop_reason") == "max_tokens",
        input_tokens=count_in(usage, "input_tokens") + read + write,
        cached_tokens=read,
        output_tokens=count_in(usage, "output_tokens"),
        cost=dollars_in(answer.get("total_cost_usd")),
    )


def _result_in(out: str) -> dict[str, Any]:
    """Return the last result in an output; raise ValueError without one.

    With `verbose` in a user's settings it is a list of all messages, and warnings of Node or of a
    hook may stand on lines of their own before or behind it.
    """
    for part in (out, *reversed(out.splitlines())):
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            continue
        messages = value if isinstance(value, list) else [value]
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("type") == "result":
                return message
    raise ValueError("no result")


def _message_of(answer: Mapping[str, Any]) -> str:
    """Return the message of a failed answer: its text, else its errors, else its kind."""
    if answer.get("result"):
        return str(answer["result"])
    errors = answer.get("errors")
    words = [str(error) for error in errors if error] if isinstance(errors, list) else []
    return "; ".join(words) or str(answer.get("subtype"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


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
