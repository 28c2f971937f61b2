"""The official SDK's client, asked in plain calls."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CallToolResult, TextContent

from agent.project.around import project_around
from agent.serve.grants import Grant
from agent.serve.served import Repository
from agent.serve.server import build_server
from tests.e2e.researcher import AUTORESEARCH, clean_environment

TOKEN = "a-token-that-nobody-guesses-0123456789"
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Answers:
    """What a server said in one session."""

    tools: tuple[str, ...]
    instructions: str
    results: tuple[CallToolResult, ...]


def data(result: CallToolResult) -> dict[str, Any]:
    """Return the structured content of an answer that is no error."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def error(result: CallToolResult) -> str:
    """Return the message of an answer that is an error."""
    assert result.is_error, result.structured_content
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


def inside(
    folder: Path, calls: Sequence[Call], allow: str = "read", run: str | None = None
) -> Answers:
    """Return the answers of a server in this process."""
    server = build_server(Repository(project_around(folder), run), Grant(allow))
    return asyncio.run(_talk(Client(server), calls))


def stdio(folder: Path, calls: Sequence[Call], *options: str) -> Answers:
    """Return the answers of `autoresearch mcp OPTIONS`, a process that the client starts."""
    server = StdioServerParameters(
        command=str(AUTORESEARCH), args=["mcp", *options], cwd=folder, env=clean_environment()
    )
    return asyncio.run(_talk(Client(stdio_client(server)), calls))


def talk(folder: Path, script: Callable[[Client], Awaitable[None]], *options: str) -> None:
    """Run a script of calls over stdio, in which one answer decides what is asked next."""
    server = StdioServerParameters(
        command=str(AUTORESEARCH), args=["mcp", *options], cwd=folder, env=clean_environment()
    )

    async def session() -> None:
        async with Client(stdio_client(server)) as client:
            await script(client)

    asyncio.run(session())


def http(url: str, token: str, calls: Sequence[Call]) -> Answers:
    """Return the answers of a server on loopback."""

    async def talk() -> Answers:
        async with create_mcp_http_client({"Authorization": f"Bearer {token}"}) as http_client:
            return await _talk(Client(streamable_http_client(url, http_client=http_client)), calls)

    return asyncio.run(talk())


async def _talk(client: Client, calls: Sequence[Call]) -> Answers:
    async with client:
        tools = await client.list_tools()
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return Answers(
            tuple(tool.name for tool in tools.tools), client.instructions or "", tuple(results)
        )


def texts(answer: Any, quoted: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield every text of an answer, keys too, and whether it stands below `untrusted`."""
    match answer:
        case str():
            yield answer, quoted
        case dict():
            for name, value in answer.items():
                yield name, quoted
                yield from texts(value, quoted or name == "untrusted")
        case list() | tuple():
            for value in answer:
                yield from texts(value, quoted)
