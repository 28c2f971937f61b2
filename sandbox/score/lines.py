"""Reads a log in pieces, as a terminal would show it; it may be hundreds of megabytes."""

import re
from collections.abc import Iterator
from pathlib import Path

PIECE_BYTES = 1 << 20
LINE_BYTES = 1 << 20
"""A longer line is no line of a result, and is left out."""
RULE = "---"

# A colour or a movement of the cursor (CSI), a title or a link (OSC), any other sequence.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
)
_LINE_END = re.compile(r"\r+(?=\n|\Z)")
_RESTART = re.compile(rb"[\r\n]")
_OVERWRITTEN = re.compile(r"^.*\r", re.MULTILINE)
# `2026-01-31 10:00:00,123 INFO `, `INFO:root:`, `[rank0]: `, as loggers write before a message.
_LOGGED = re.compile(
    r"\d\d:\d\d:\d\d|\b(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b|^\[[^\[\]]{1,80}\]",
    re.IGNORECASE,
)
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


def shown(text: str) -> str:
    """Return whole lines in the final state that a terminal shows."""
    text = _ANSI.sub("", text)
    if "\r" not in text:
        return text
    return _OVERWRITTEN.sub("", _LINE_END.sub("", text))


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
    """Return the text after the last carriage return that is followed by any."""
    text = line.rstrip(b"\r")
    return line[text.rfind(b"\r") + 1 :]
