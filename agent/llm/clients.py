"""Makes the clients of providers, bounds what they read, and explains why one cannot be made."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from agent.errors import ModelFault
from sandbox.ground.text import one_line

MAX_STREAM_BYTES = 2**28
"""The most bytes of a streamed answer, unpacked; the longest one that a model gives has a tenth."""
MAX_BODY_BYTES = 2**24
"""The most bytes of any other body, unpacked: an error, a list of models."""
MAX_REDIRECTS = 5
MISSHAPEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
)
"""What reading an answer raises whose parts are of other types: the SDKs do not check them."""
_PACKING = ("content-encoding", "content-length", "transfer-encoding")
"""Headers of a body as it travels; it is unpacked here."""


class BoundedClient(httpx2.AsyncClient):
    """An HTTP client that reads no endless body, and takes a question nowhere else.

    A redirect is followed only on the same server, or to its https: no other one was chosen to
    see the question. Other redirects are answers, with their status.
    """

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request; see AsyncClient. A body that is too long raises ValueError."""
        is_stream = options.pop("stream", False)
        options["follow_redirects"] = False
        response = await super().send(request, stream=True, **options)
        for _ in range(MAX_REDIRECTS):
            following = response.next_request
            if following is None or not _stays(request, following):
                break
            await response.aclose()
            request = following
            response = await super().send(request, stream=True, **options)
        bounded = _bounded(response, is_stream)
        if not is_stream:
            try:
                await bounded.aread()
            finally:
                await bounded.aclose()
        return bounded


class _Body(httpx2.AsyncByteStream):
    """The unpacked body of a response, up to a bound."""

    def __init__(self, response: httpx2.Response, most: int) -> None:
        self._response = response
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in parts; raise ValueError once it is too long."""
        size = 0
        async for part in self._response.aiter_bytes():
            size += len(part)
            if size > self._most:
                raise ValueError(f"an answer of more than {self._most} bytes")
            yield part

    async def aclose(self) -> None:
        """Close the connection of the response."""
        await self._response.aclose()


def _bounded(response: httpx2.Response, is_stream: bool) -> httpx2.Response:
    """Return `response` with a bounded body."""
    most = MAX_STREAM_BYTES if is_stream and response.is_success else MAX_BODY_BYTES
    headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _PACKING]
    return httpx2.Response(
        response.status_code,
        headers=headers,
        stream=_Body(response, most),
        request=response.request,
        extensions=response.extensions,
    )


def _stays(request: httpx2.Request, following: httpx2.Request) -> bool:
    """Return whether a redirect asks the same of the same server, or of its https."""
    if following.method != request.method or following.url.host != request.url.host:
        return False
    upgraded = request.url.scheme == "http" and following.url.scheme == "https"
    return upgraded or following.url.origin == request.url.origin


@contextmanager
def making_client(provider: str) -> Iterator[None]:
    """Raise ModelFault if the block cannot make a client, as with an invalid proxy."""
    try:
        yield
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise ModelFault(
            f"{provider} cannot be asked with the proxy or the certificates of this environment: "
            f"{one_line(str(error))}",
            "env | grep -iE '_proxy|ssl_cert'",
        ) from None
