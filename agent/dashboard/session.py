"""Sessions of the dashboard's controls: the token once, then a cookie and a secret."""

import hashlib
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

MAX_SESSIONS = 100
COOKIE_SECONDS = 12 * 3600


class Sessions:
    """The sessions of browsers that have presented the token.

    The token comes in a header or once in a form, never in a URL. A cookie alone presses nothing:
    a page of another port of this machine would send it too. So each form carries a secret that
    only our own pages have, and the browser must name our own origin.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._forms: dict[str, str] = {}

    def begin(self, request: Request, given: str, answer: Response) -> bool:
        """Begin a session if the token is right: put its cookie on `answer`."""
        if not _same(given, self._token):
            return False
        session = secrets.token_urlsafe(32)
        self._forms[_digest(session)] = secrets.token_urlsafe(32)
        while len(self._forms) > MAX_SESSIONS:
            del self._forms[next(iter(self._forms))]
        answer.set_cookie(
            _cookie(request),
            session,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return True

    def end(self, request: Request, answer: Response) -> None:
        """End the session of a request."""
        self._forms.pop(_digest(request.cookies.get(_cookie(request), "")), None)
        answer.delete_cookie(_cookie(request), httponly=True, samesite="strict")

    def secret(self, request: Request) -> str:
        """Return the secret for the forms of a session; empty without one."""
        return self._forms.get(_digest(request.cookies.get(_cookie(request), "")), "")

    def refusal(self, request: Request, form: Mapping[str, str]) -> str:
        """Return why a request may not use a control; "" if it may."""
        header = request.headers.get("authorization")
        if header is not None:
            # No page can make a browser send this header elsewhere without being asked first.
            return "" if _same(header, f"Bearer {self._token}") else "not the token of this server"
        if from_elsewhere(request):
            return "only a form of this dashboard may ask for that"
        secret = self.secret(request)
        if not secret:
            return "sign in with the token that `autoresearch dashboard --control` printed"
        if not _same(form.get("secret", ""), secret):
            return "the form is of an older session: open the page again"
        return ""


def from_elsewhere(request: Request) -> bool:
    """Return whether the browser says that another site's page made a request."""
    if request.headers.get("origin") is None:
        return True
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


def _cookie(request: Request) -> str:
    """Return the name of the cookie: browsers share cookies between the ports of a machine."""
    return f"autoresearch-control-{(request.scope.get('server') or ('', 0))[1]}"


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
