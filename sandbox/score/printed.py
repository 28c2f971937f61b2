"""Parses the untrusted output of a training: progress lines, and a summary after `---`."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.ground.redaction import redacted
from sandbox.score.lines import RULE, is_rule, pieces, shown

Point = tuple[float, float]
"""(fraction of the budget in 0..1, training loss)."""
Value = bool | int | float | str

MAX_POINTS = 20
MAX_FACTS = 32
CHUNK_BYTES = 1 << 20
# More points than this are thinned while a log is read: a forged one could hold millions.
MANY_POINTS = 10_000

# `step 00953 (31.2%) | loss: 2.345678 | …`, with bounded repeats so that no text is slow to refuse.
_PROGRESS = re.compile(
    r"step {1,4}\d{1,12} {1,4}\((\d{1,3}(?:\.\d{1,6})?)%\) {0,4}\|"
    r" {0,4}loss: {0,4}(\d{1,9}(?:\.\d{1,12})?)",
    re.ASCII,
)
_FACT = re.compile(
    r"^([A-Za-z][A-Za-z0-9_]{0,39}):[ \t]{1,40}([A-Za-z0-9_.+\-]{1,40})[ \t]{0,40}$",
    re.ASCII | re.MULTILINE,
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?|[+-]?(?:nan|inf|infinity)",
    re.IGNORECASE,
)


def parse_progress(text: str) -> tuple[Point, ...]:
    """Return the points that `text` shows, by rising fraction."""
    points: list[Point] = []
    for match in _PROGRESS.finditer(text):
        fraction = round(float(match[1]) / 100, 8)
        loss = float(match[2])
        if fraction <= 1 and (not points or fraction > points[-1][0]):
            points.append((fraction, loss))
    return tuple(points)


def read_curve(log: Path) -> tuple[Point, ...]:
    """Return at most MAX_POINTS of a whole log, read in pieces: it may be hundreds of megabytes."""
    points: list[Point] = []
    unfinished = b""
    try:
        with log.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                text = unfinished + chunk
                end = len(text)
                if len(chunk) == CHUNK_BYTES:
                    end = max(text.rfind(b"\n"), text.rfind(b"\r"), 0)
                unfinished = text[end:] if len(text) - end < CHUNK_BYTES else b""
                last = points[-1][0] if points else -1.0
                for point in parse_progress(text[:end].decode("utf-8", "replace")):
                    if point[0] > last:
                        points.append(point)
                if len(points) >= MANY_POINTS:
                    points = points[::2]
    except FileNotFoundError:
        return ()
    return thin_curve(points)


def thin_curve(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return at most MAX_POINTS of the points, evenly spread, the first and the last among them."""
    if len(points) <= MAX_POINTS:
        return tuple(points)
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return tuple(points[round(i * step)] for i in range(MAX_POINTS))


def parse_summary(text: str, without: str | None = None) -> dict[str, Value]:
    """Return the `key: value` lines after the last line `---`, as read_summary does."""
    return _facts(iter([shown(text)]), without)


def read_summary(log: Path, without: str | None = None) -> dict[str, Value]:
    """Return the `key: value` lines after the last line `---` of a whole log.

    At most MAX_FACTS, each a finite number or a short word. without: the name of the metric, which
    is no fact and crowds out none.
    """
    return _facts(pieces(log), without)


def _facts(texts: Iterator[str], without: str | None) -> dict[str, Value]:
    lines: dict[str, str] = {}
    summary = False
    for text in texts:
        start = _last_rule_end(text)
        if start is not None:
            summary = True
            lines = {}
        if summary:
            _take_lines(text, start or 0, without, lines)
    return _values(lines)


def _last_rule_end(text: str) -> int | None:
    """Return where the last line `---` of a text ends, or None."""
    end = len(text)
    while (rule := text.rfind(RULE, 0, end)) >= 0:
        start = text.rfind("\n", 0, rule) + 1
        line_end = text.find("\n", rule)
        line_end = len(text) if line_end < 0 else line_end
        if is_rule(text[start:line_end]):
            return line_end
        end = start
    return None


def _take_lines(text: str, start: int, without: str | None, lines: dict[str, str]) -> None:
    """Add the lines from `start` on that are facts, by name; the last of a name counts."""
    for match in _FACT.finditer(text, start):
        name = match[1]
        if name == without or (name not in lines and len(lines) == MAX_FACTS):
            continue
        lines.pop(name, None)
        lines[name] = match[0]


def _values(lines: dict[str, str]) -> dict[str, Value]:
    """Return the facts without what holds a secret, NaN or infinity."""
    facts: dict[str, Value] = {}
    for match in _FACT.finditer(redacted("\n".join(lines.values()))):
        value = _value(match[2])
        if value is not None:
            facts[match[1]] = value
    return facts


def _value(text: str) -> int | float | str | None:
    """Return a number or a short word; None for NaN and infinity."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    return number if math.isfinite(number) else None
