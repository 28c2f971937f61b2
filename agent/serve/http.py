"""Serves streamable HTTP on loopback to clients with the token; checks Origin and Host."""

import secrets
import socket
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
PATH = "/mcp"
NAMES = (HOST, "localhost")
"""Host names that requests may use; any other one is somebody's DNS name that points here."""
STOP_SECONDS = 2


class TokenGuard:
    """ASGI middleware: refuses a request without the token before its body is read.

    The token is in the Authorization header, never in a URL, which logs and histories would keep.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        given = Request(scope).headers.get("authorization", "").encode()
        if secrets.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
            return
        answer = PlainTextResponse(
            "the header must be `Authorization: Bearer TOKEN`, with the token of this server\n",
            401,
            headers={"www-authenticate": "Bearer"},
        )
        await answer(scope, receive, send)


def serve_http(server: MCPServer[Any], listener: socket.socket, token: str) -> None:
    """Serve on a socket that listens on loopback, until Ctrl-C."""
    http_server(server, listener.getsockname()[1], token).run(sockets=[listener])


def http_server(server: MCPServer[Any], port: int, token: str) -> uvicorn.Server:
    """Return what serves on a port of loopback, once it is run."""
    security = TransportSecuritySettings(
        allowed_hosts=[f"{name}:{port}" for name in NAMES],
        allowed_origins=[f"http://{name}:{port}" for name in NAMES],
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH, transport_security=security, host=HOST
    )
    config = uvicorn.Config(
        TokenGuard(app, token),
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return uvicorn.Server(config)
