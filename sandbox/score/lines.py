"""Reads a log in pieces, as a terminal would show it; it may be hundreds of megabytes."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

PIECE_BYTES = 1 << 20
LINE_BYTES = 1 << 20
"""A longer line is no line of a result, and is left out."""
PART_CHARACTERS = 1 << 16
LOOK_CHARACTERS = 32
"""So many characters of a line take as long as one more line."""
MAX_RETURNS = 8
"""Carriage returns at the end of an unfinished line that are looked at."""
RULE = "---"
MAX_OBJECT = 1 << 20
"""Characters of an indented JSON object; a longer one is read line by line."""

# A colour or a movement of the cursor (CSI), a title or a link (OSC), any other sequence.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
)
_ANSI_BYTES = re.compile(_ANSI.pattern.encode())
# Looked for from the first of them alone, or a million that end no line take hours.
_LINE_END = re.compile(r"(?<!\r)\r+(?=\n|\Z)")
_RESTART = re.compile(rb"[\r\n]")
_OVERWRITTEN = re.compile(r"^.*\r", re.MULTILINE)
# `2026-01-31 10:00:00,123 INFO `, `INFO:root:`, `[rank0]: `, as loggers write before a message.
_LOGGED = re.compile(
    r"\d\d:\d\d:\d\d|\b(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b|^\[[^\[\]]{1,80}\]",
    re.IGNORECASE,
)
_BEGINS = "{\n"
_PREFIX_ENDS = tuple(" \t:|])>")
_MAX_PREFIX = 200


def pieces(log: Path) -> Iterator[str]:
    """Yield a log as text, each piece made of whole lines; nothing if there is no file.

    Of a line that carriage returns overwrote, only the last state is kept; terminal sequences and a
    line longer than LINE_BYTES are left out.
    """
    try:
        with log.open("rb") as file:
            for piece in _whole_lines(iter(lambda: file.read(PIECE_BYTES), b"")):
                yield shown(piece.decode("utf-8", "replace"))
    except FileNotFoundError:
        return


def parts(text: str) -> Iterator[str]:
    """Yield a text of whole lines in parts of whole lines, as short as one long line allows."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PART_CHARACTERS) + 1 or len(text)
        yield text[start:end]
        start = end


def looks_at(part: str) -> int:
    """Return how many lines a part of a log counts for where time is bounded."""
    return part.count("\n") + 1 + len(part) // LOOK_CHARACTERS


def ends_of(log: Path, looks: int) -> Iterator[str]:
    """Yield a log in parts of whole lines; of a long one only the first and the last of them.

    looks: how many lines at each end, by `looks_at`.
    """
    last: deque[str] = deque()
    seen = late = 0
    for part in chain.from_iterable(map(parts, pieces(log))):
        seen += looks_at(part)
        if seen <= looks:
            yield part
            continue
        last.append(part)
        late += looks_at(part)
        while late > looks and len(last) > 1:
            late -= looks_at(last.popleft())
    yield from last


def shown(text: str) -> str:
    """Return whole lines in the final state that a terminal shows."""
    text = _ANSI.sub("", text)
    if "\r" not in text:
        return text
    return _OVERWRITTEN.sub("", _LINE_END.sub("", text))


class Objects:
    """Puts the lines of an indented JSON object together: `{`, `  "acc": 0.9`, `}`."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._size = 0

    @property
    def is_open(self) -> bool:
        """Whether an object has begun and is not whole."""
        return bool(self._open)

    def may_begin(self, text: str) -> bool:
        """Return whether one may begin in a text of whole lines."""
        return _BEGINS in text

    def groups(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield each line alone, and those that may be an object together, once it is whole."""
        for line in lines:
            if not self._open and not line.endswith("{"):
                yield [line]
                continue
            self._open.append(line)
            self._size += len(line)
            if line.startswith("}"):
                yield self._taken()
            elif self._size > MAX_OBJECT or is_rule(line):
                yield from self.rest()

    def rest(self) -> Iterator[list[str]]:
        """Yield the lines of an object that is not whole, each alone."""
        for line in self._taken():
            yield [line]

    def _taken(self) -> list[str]:
        lines = self._open
        self._open = []
        self._size = 0
        return lines


def is_rule(line: str) -> bool:
    """Return whether a line is `---`, alone or behind what a logger writes before a message."""
    line = line.strip()
    if not line.endswith(RULE) or len(line) > _MAX_PREFIX:
        return False
    prefix = line[: -len(RULE)]
    if not prefix:
        return True
    logged = prefix.endswith(_PREFIX_ENDS) and RULE not in prefix
    return logged and _LOGGED.search(prefix) is not None


def _whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks cut at line ends, without overlong lines."""
    unfinished = b""
    overlong = False
    for chunk in chunks:
        if overlong:
            restart = _RESTART.search(chunk)
            if restart is None:
                continue
            chunk = chunk[restart.start() :]
            overlong = False
        text = unfinished + chunk
        end = text.rfind(b"\n") + 1
        if end:
            yield text[:end]
        unfinished = _last_state(text[end:])
        if len(unfinished) > LINE_BYTES:
            unfinished = b""
            overlong = True
    if unfinished:
        yield unfinished


def _last_state(line: bytes) -> bytes:
    """Return the text after the last carriage return that anything to see follows.

    A terminal sequence is nothing to see, and may not be whole yet. Keeping more is never wrong.
    """
    end = len(line)
    for _ in range(MAX_RETURNS):
        end = line.rfind(b"\r", 0, end)
        if end < 0:
            return line
        after = _ANSI_BYTES.sub(b"", line[end + 1 :]).replace(b"\r", b"")
        if after and not after.startswith(b"\x1b"):
            return line[end + 1 :]
    return line
