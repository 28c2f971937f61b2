"""Addresses of providers: checked before they are used, and shown without passwords."""

from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from agent.errors import ModelFault
from sandbox.ground.redaction import SECRET_NAME, conceal
from sandbox.ground.text import is_plain, one_line

_ENDPOINTS = ("/chat/completions", "/responses", "/messages")
"""Paths of the APIs; some users append one to the address."""


def address_in(variable: str, environment: Mapping[str, str]) -> str | None:
    """Return the address that a variable such as OPENAI_BASE_URL names, or None.

    Its secrets are removed from every text from now on. Raise ModelFault if it is not an address.
    """
    text = environment.get(variable, "").strip()
    if not text:
        return None
    url = _split(text)
    if url is None:
        raise ModelFault(
            f"{variable} is {one_line(text)!r}, which is no address: one begins with http:// or "
            "https://, and has a host",
            f"export {variable}=http://localhost:8000/v1",
        )
    password = url.password or ""
    conceal({f"{variable} password": password, f"{variable} password unquoted": unquote(password)})
    for name, value in parse_qsl(url.query):
        if SECRET_NAME.search(name):
            conceal({f"{variable} {name}": value})
    path = url.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    return url._replace(path=path).geturl()


def without_query(address: str) -> tuple[str, dict[str, str]]:
    """Return an address without its query, and the query's parameters."""
    url = urlsplit(address)
    return url._replace(query="", fragment="").geturl(), dict(parse_qsl(url.query))


def host_in(variable: str, environment: Mapping[str, str]) -> str | None:
    """Return the host of the address that a variable names; None if it is not set."""
    url = _split(environment.get(variable, "").strip())
    return url.hostname if url else None


def shown(address: str) -> str:
    """Return an address without user, password and query."""
    url = urlsplit(address)
    return url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl()


def place_of(address: str) -> str:
    """Return the host and the port of an address."""
    return urlsplit(address).netloc.rpartition("@")[2]


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address, or None if it is none."""
    try:
        url = urlsplit(text)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # brackets or a port that make no sense
        return None
    return url if is_address and is_plain(text) and " " not in text else None
