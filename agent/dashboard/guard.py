"""Who may look: the dashboard's door, in front of every request. Read-only, for known hosts, with a token beyond loopback."""

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
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Pages name their own nonce; whatever else is sent may do nothing at all.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Guard:
    """ASGI middleware. `host`: what the server listens on. `token`: what a visitor must bring once, None on loopback.

    A name that a stranger's DNS points at this machine is refused (rebinding), and so is a request that another page makes.
    """

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        self._app, self._host, self._token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at the door, or let in."""
        if scope["type"] != "http":
            return
        answer = self._refusal(Request(scope))
        await (answer or self._app)(scope, receive, _sealed(send))

    def _refusal(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("this page is only for looking\n", 405)
        if not self._knows(request.headers):
            return PlainTextResponse("another host or origin than this server's own\n", 403)
        return None if self._token is None else self._ask(request, self._token)

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
        # Elsewhere the token decides; an address cannot be rebound, and these names are this machine's own.
        return self._token is not None and (
            _is_address(name) or name in (self._host.lower(), socket.gethostname().lower())
        )

    def _ask(self, request: Request, token: str) -> Response | None:
        cookie = f"autoresearch-{(request.scope.get('server') or ('', 0))[1]}"
        given = request.query_params.get("token")
        if given is None:
            known = secrets.compare_digest(request.cookies.get(cookie, "").encode(), token.encode())
            return (
                None
                if known
                else PlainTextResponse(
                    "open the address that `autoresearch dashboard` printed\n", 401
                )
            )
        if not secrets.compare_digest(given.encode(), token.encode()):
            return PlainTextResponse("not the token of this server\n", 401)
        # The token leaves the address bar, so that a screenshot or a copied link does not give it away.
        rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
        # A path such as //elsewhere or /\elsewhere would lead away from here.
        path = "/" + quote(str(request.scope["path"]).lstrip("/\\"), errors="replace")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="lax")
        return answer


def is_loopback(host: str) -> bool:
    """True for the names and addresses by which only this machine can be reached."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _sealed(send: Send) -> Send:
    """`send`, with the headers that every answer has."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers
