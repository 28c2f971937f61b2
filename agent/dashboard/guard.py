"""The dashboard's access control: known hosts only, and a token beyond loopback; read-only."""

import ipaddress
import re
import secrets
import socket
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Pages name their own nonce; any other response may load and run nothing.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
CONTROLS = re.compile(r"/control/[a-z]+|/run/[^/]+/control/[a-z]+")
"""Paths that accept POST."""


class Guard:
    """ASGI middleware in front of every request.

    It refuses host names that somebody's DNS points at this machine (rebinding), and requests of
    another site's pages. host: what the server listens on. token: what a visitor must present
    once; None on loopback. controlled: the paths of controls accept POST; they check the visitor
    themselves.
    """

    def __init__(
        self, app: ASGIApp, host: str, token: str | None, controlled: bool = False
    ) -> None:
        self._app = app
        self._host = host
        self._token = token
        self._controlled = controlled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            return
        answer = self._refusal(Request(scope))
        await (answer or self._app)(scope, receive, _sealed(send))

    def _refusal(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD") and not self._is_control(request):
            return PlainTextResponse("this page is only for looking\n", 405)
        if not self._knows(request.headers):
            return PlainTextResponse("another host or origin than this server's own\n", 403)
        return None if self._token is None else self._check(request, self._token)

    def _is_control(self, request: Request) -> bool:
        path = str(request.scope["path"])
        return self._controlled and request.method == "POST" and bool(CONTROLS.fullmatch(path))

    def _knows(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        origin = headers.get("origin")
        return self._is_ours(host) and origin in (None, f"http://{host}", f"https://{host}")

    def _is_ours(self, host: str) -> bool:
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?", host)
        if not match:
            return False
        name = match[1].strip("[]").lower()
        if is_loopback(name):
            return True
        if self._token is None:
            return False
        # The token decides: an address cannot be rebound, and these names are this machine's own.
        return _is_address(name) or name in (self._host.lower(), socket.gethostname().lower())

    def _check(self, request: Request, token: str) -> Response | None:
        cookie = f"autoresearch-{(request.scope.get('server') or ('', 0))[1]}"
        given = request.query_params.get("token")
        if given is None:
            presented = request.cookies.get(cookie, "")
            if secrets.compare_digest(presented.encode(), token.encode()):
                return None
            return PlainTextResponse(
                "open the address that `autoresearch dashboard` printed\n", 401
            )
        if not secrets.compare_digest(given.encode(), token.encode()):
            return PlainTextResponse("not the token of this server\n", 401)
        # Out of the address bar, so that no screenshot or copied link gives the token away.
        rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
        # A path such as //elsewhere or /\elsewhere would lead away from here.
        path = "/" + quote(str(request.scope["path"]).lstrip("/\\"), errors="replace")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="lax")
        return answer


def is_loopback(host: str) -> bool:
    """Return whether only this machine can be reached by this name or address."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _sealed(send: Send) -> Send:
    """Return `send`, with the headers that every response has."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers
