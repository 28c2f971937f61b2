"""Opens the researcher's tools to a command for the time of one question: MCP on loopback."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Thread
from typing import Any, Protocol

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

from agent.dashboard.listening import listener
from agent.llm.model import Door, Tool
from agent.serve.http import HOST, PATH, http_server
from agent.serve.quoted import RULE

NAME = "autoresearch"
TOKEN_BYTES = 24
STOP_SECONDS = 5.0
ANY_PORT = "autoresearch start --no-look   # without looking"


class Served(Protocol):
    """What is served; agent/serve/looking.py has it."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Its tools."""
        ...

    def called(self, name: str) -> Callable[..., str]:
        """Return a tool as a function."""
        ...


@contextmanager
def serving(looks: Served) -> Iterator[Door]:
    """Serve the tools of one proposal until the block ends; its token ends with it."""
    server: MCPServer[Any] = MCPServer(
        NAME,
        instructions=RULE,
        version=version("autoresearch"),
        log_level="CRITICAL",
        subscriptions=False,
    )
    names = [tool.name for tool in looks.tools]
    for tool in looks.tools:
        server.add_tool(
            looks.called(tool.name),
            name=tool.name,
            description=tool.description,
            annotations=_hints(tool.name),
            structured_output=False,
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with listener(HOST, 0, ANY_PORT) as socket:
        port = socket.getsockname()[1]
        running = http_server(server, port, token)
        thread = Thread(target=running.run, args=([socket],), name="look", daemon=True)
        thread.start()
        try:
            yield Door(url=f"http://{HOST}:{port}{PATH}", token=token, tools=tuple(names))
        finally:
            running.should_exit = True
            thread.join(STOP_SECONDS)


def _hints(name: str) -> ToolAnnotations:
    reads = name not in ("note", "probe")
    return ToolAnnotations(
        read_only_hint=reads, destructive_hint=False, idempotent_hint=reads, open_world_hint=False
    )
