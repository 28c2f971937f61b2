"""Renders a unified diff as lines of HTML: coloured, marked as added or removed, escaped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from agent.display.format import Formatter

# A longer diff is a rewritten file: nobody reads on, and a thousand of them would not fit a page.
MAX_LINES = 600
# Colouring reads every letter several times; a diff of more characters is data, not code.
MAX_CHARACTERS = 80_000

_HEAD = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
# The lexer must not trim blank lines and spaces of the diff.
_LEXER = PythonLexer(stripnl=False, ensurenl=False)
# Classes instead of styles: the page forbids inline styles.
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)

Kind = Literal["add", "del", "same", "head", "note"]


@dataclass(frozen=True)
class Line:
    """One line of a diff."""

    kind: Kind
    html: Markup
    old: int | None = None
    new: int | None = None
    """Its line numbers before and after the change; None on a side where it does not exist."""


def diff_lines(diff: str) -> list[Line]:
    """Return the first MAX_LINES lines of `diff`, with a note of how many are left out."""
    lines = Formatter().block(diff).strip("\n").split("\n") if diff.strip() else []
    shown = list(_lines(lines[:MAX_LINES], plain=len(diff) > MAX_CHARACTERS))
    if len(lines) > MAX_LINES:
        shown.append(Line("note", Markup("… {} more lines").format(len(lines) - MAX_LINES)))
    return shown


def _lines(lines: list[str], plain: bool) -> Iterator[Line]:
    hunk: list[str] | None = None  # None between "diff --git" and the first hunk
    at = (1, 1)
    for line in lines:
        head = _HEAD.match(line)
        if head:
            yield from _hunk(hunk or [], at, plain)
            hunk = []
            at = (int(head[1]), int(head[2]))
            yield Line("head", Markup.escape(line))
        elif line.startswith("diff --git "):
            yield from _hunk(hunk or [], at, plain)
            hunk = None
            yield Line("note", Markup.escape(line.rpartition(" b/")[2]))
        elif hunk is not None:
            hunk.append(line)
        elif line.startswith(("Binary", "new file", "deleted", "rename", "old mode", "new mode")):
            yield Line("note", Markup.escape(line))
    yield from _hunk(hunk or [], at, plain)


def _hunk(lines: list[str], at: tuple[int, int], plain: bool) -> Iterator[Line]:
    """Yield a hunk; each side is coloured as one text, as a string may span many lines."""
    paint = _escaped if plain else _python
    before = iter(paint([line[1:] for line in lines if line[:1] in ("-", " ", "")]))
    after = iter(paint([line[1:] for line in lines if line[:1] in ("+", " ", "")]))
    old, new = at
    for line in lines:
        match line[:1]:
            case "-":
                yield Line("del", next(before), old=old)
                old += 1
            case "+":
                yield Line("add", next(after), new=new)
                new += 1
            case "\\":
                yield Line("note", Markup.escape(line[2:]))
            case _:
                next(before)
                yield Line("same", next(after), old, new)
                old += 1
                new += 1


def _escaped(lines: list[str]) -> list[Markup]:
    return [Markup.escape(line) for line in lines]


def _python(lines: list[str]) -> list[Markup]:
    """Return the lines in colours, escaped by pygments."""
    painted = highlight("\n".join(lines) + "\n", _LEXER, _FORMATTER).split("\n")
    if len(painted) != len(lines) + 1:
        return _escaped(lines)
    return [Markup(line) for line in painted[: len(lines)]]
