"""Reads the body of an answer as it arrives: server-sent events, JSON lines, or one JSON value."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from agent.llm.refusals import reason_in
from sandbox.ground.text import one_line

DONE = "[DONE]"
"""The text with which a server ends a stream."""
MAX_BYTES = 2**24
"""The most bytes of a line, or of a body that is not a stream."""
MAX_SHOWN = 100
"""How many characters of an unreadable body a message quotes."""
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


async def values_in(body: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Yield the JSON value of each event, and DONE; of a body without events, its one value, or
    the value of each line.

    The first bytes decide which it is, since servers and proxies send either content type.
    Comments and events without JSON only keep a connection alive; they are skipped. Raise
    ValueError for a body that is neither.
    """
    events = Events()
    plain: list[bytes] = []
    size = 0
    async for line in _lines(body):
        if not plain and (events.began or line.startswith(_FIELDS)):
            for value in events.take(line):
                yield value
                if value == DONE:
                    return
        elif plain or line.strip():
            plain.append(line)
            size += len(line)
        if size > MAX_BYTES:
            raise ValueError(f"an answer of more than {MAX_BYTES} bytes")
    with suppress(ValueError):  # an event in the middle of which it broke off
        for value in events.take(b""):
            yield value
    if plain:
        for value in _values_of(plain):
            yield value
    elif not events.began:
        raise ValueError("an empty answer")


class Events:
    """The lines of a stream of events, put together."""

    def __init__(self) -> None:
        self.began = False
        self._name = ""
        self._data: list[bytes] = []

    def take(self, line: bytes) -> Iterator[Any]:
        """Add a line, and yield the event that it completes, if any."""
        if line:
            self.began = True
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
                if not self._data[0].startswith(DONE.encode()):
                    return
                yield DONE  # nobody may write the empty line behind it
                self._data = []
            elif name == b"event":
                self._name = value.decode("utf-8", "replace").strip()
            return
        yield from _event(self._name, b"\n".join(self._data))
        self._name = ""
        self._data = []


def _event(name: str, data: bytes) -> Iterator[Any]:
    """Yield the value of an event; one with the name `error` is an error, whatever its form."""
    text = data.decode("utf-8", "replace").strip()
    if text.startswith(DONE):
        yield DONE
    elif text.startswith(("{", "[")):
        value = value_of(text)
        has_error = isinstance(value, dict) and value.get("error")
        yield {"error": value} if name == "error" and not has_error else value
    elif text and name == "error":
        yield {"error": text}


def _values_of(lines: list[bytes]) -> list[Any]:
    """Return the value of a body, or of each of its lines if each is an object of its own."""
    with suppress(ValueError):
        return [value_of(b"\n".join(lines))]
    if len(lines) > 1 and lines[0].startswith(b"{"):
        with suppress(ValueError):
            return [value_of(line) for line in lines if line.strip()]
    return [value_of(b"\n".join(lines))]


def value_of(text: str | bytes) -> Any:
    """Return the JSON value of a text; raise ValueError with the beginning of another one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        raise ValueError(f"no JSON, but {one_line(reason_in(shown), MAX_SHOWN)!r}") from None


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a body without their ends; the last one need not have one."""
    rest = b""
    async for chunk in body:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
        if len(rest) > MAX_BYTES:
            raise ValueError(f"a line of more than {MAX_BYTES} bytes")
    if rest:
        yield rest.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
