"""Builds the MCP server: the tools of one grant over the runs of one repository."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from agent.errors import Fault
from agent.serve.grants import Grant
from agent.serve.quoted import RULE, line
from agent.serve.read import ReadTools
from agent.serve.served import Repository

MESSAGE = 2_000
"""Characters of an error."""
INSTRUCTIONS = f"""\
autoresearch improves a training script automatically: each trial is an edit that was run in a
sandbox, scored where it cannot reach, judged against noise, and kept or discarded. These tools show
the runs of one repository. Begin with list_runs and status, then page through ledger.

{RULE}

Scores: `delta` is a difference of losses, so negative is better whatever the direction.
Nothing here approves, rejects, trusts, finalizes or raises a bound: a human does that, by commands.
"""


@dataclass(frozen=True)
class ServedTool:
    """A tool, and what it needs."""

    name: str
    call: Callable[..., Any]
    grant: Grant
    hints: ToolAnnotations


def build_server(repository: Repository, grant: Grant) -> MCPServer[Any]:
    """Return a server with the tools that a grant allows; the others are not even listed."""
    server: MCPServer[Any] = MCPServer(
        "autoresearch",
        instructions=INSTRUCTIONS,
        version=version("autoresearch"),
        log_level="CRITICAL",
        subscriptions=False,
    )
    for tool in _tools(repository, grant):
        if grant.allows(tool.grant):
            server.add_tool(
                _answering(tool.call), name=tool.name, annotations=tool.hints, title=None
            )
    return server


def _tools(repository: Repository, grant: Grant) -> Iterator[ServedTool]:
    hints = ToolAnnotations(read_only_hint=True, open_world_hint=False, idempotent_hint=True)
    reading = ReadTools(repository, grant)
    calls: dict[str, Callable[..., Any]] = {
        "list_runs": reading.list_runs,
        "status": reading.status,
        "ledger": reading.ledger,
        "trial": reading.trial,
        "compare": reading.compare,
        "constants": reading.constants,
        "list_files": reading.list_files,
        "read_file": reading.read_file,
        "brief": reading.brief,
    }
    for name, call in calls.items():
        yield ServedTool(name, call, Grant.READ, hints)


def _answering(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a tool whose faults are told to the agent, in one line and without secrets."""

    @wraps(call)
    def answer(*arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except Fault as fault:
            following = f" Next: {fault.next_command}" if fault.next_command else ""
            raise ToolError(line(f"{fault.message}{following}", MESSAGE)) from None

    return answer
