"""Makes text of others (models, trainings, branches, file names) safe to show and to store.

Whatever reaches a terminal, a commit, a prompt, a page or a message passes through this module:

    printable    every character visible, line ends kept
    flat         the same in one line
    shortened    the same in one line of bounded length
    one_line     the same without secrets: for what leaves this process
    tail, last_words    the same for the end of a log

An escaped character is written as in Python: `\\x1b`, `\\u202e`. Backslashes stay as they are, so
all of these are idempotent.
"""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from sandbox.ground.redaction import redacted

TAIL_CHARACTERS = 4000
LINE_CHARACTERS = 300
MAX_DIGITS = 9
"""Of a whole number that somebody typed; Python refuses to read thousands of digits."""
MAX_MARKS = 4
"""Combining marks that one letter may carry. More of them pile up over the lines around it."""

TRACEBACK = "Traceback (most recent call last):"

# Printable to Python, yet drawn as nothing: joiners, fillers and selectors that hide a difference.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_PLAIN = re.compile(r"[\n\t -~]*")
_LINE_END = re.compile(r"[\r\n]")
_NO_WORDS = re.compile(r"[^\w\x00-\x7f]{256}")
_FEWER = re.compile(r"[^\w\x00-\x7f]{32}")
"""Of these more than any script piles up, so that hundreds of megabytes are composed quickly."""


def printable(text: str) -> str:
    """Return `text` with every character that is not plainly visible written as an escape.

    Escaped are: control characters (so every terminal sequence and lone carriage return), format
    characters (bidirectional overrides, zero-width ones), surrogates, private and unassigned code
    points, spaces other than the plain one, blank letters, and combining marks from the fifth on a
    letter. Newlines and tabs stay; a CR LF becomes a newline.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_visible(text.replace("\r\n", "\n")))


def is_plain(text: str) -> bool:
    """Return whether a text is one line of visible characters and spaces."""
    return text.isprintable()


def is_piled(text: str) -> bool:
    """Return whether hundreds of combining marks follow each other somewhere in a text.

    To normalise them, as Python's own parser does with names, takes the square of their number.
    """
    return not text.isascii() and _is_piled(text, _NO_WORDS)


def composed(text: str) -> str:
    """Return a text in which an accent is written in one way; one with piled marks stays."""
    if text.isascii() or _is_piled(text, _FEWER):
        return text
    return unicodedata.normalize("NFC", text)


def flat(text: str) -> str:
    """Return `text` as `printable` does, in one line: runs of white space become one space."""
    return printable(" ".join(text.split()))


def shortened(text: str, limit: int) -> str:
    """Return `text` as `flat` does, cut to `limit` characters; a cut line ends in `…`."""
    line = flat(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = LINE_CHARACTERS) -> str:
    """Return `text` as `shortened` does, without secrets.

    Secrets are removed before anything is cut or escaped, so no half of one stays.
    """
    return shortened(redacted(text), limit)


def whole_number(text: str) -> int | None:
    """Return a whole number in at most MAX_DIGITS plain digits; None for any other text."""
    if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS:
        return int(text)
    return None


def read_end(path: Path, size: int) -> str:
    """Return the last `size` bytes of a file as raw text, or nothing if there is no file."""
    return _end_of(path, size)[0]


def tail(path: Path, limit: int = TAIL_CHARACTERS) -> str:
    """Return the end of a log as a human would read it: printable, without secrets.

    At most `limit` characters. Of a line that carriage returns overwrote (a progress bar), only the
    last state is kept.
    """
    end, is_cut = _end_of(path, 8 * limit)
    end = redacted(end)
    if is_cut:  # it may begin with half a secret
        line_end = _LINE_END.search(end)
        half = len(end) // 2
        end = end[min(line_end.end(), half) if line_end else half :]
    lines = end.replace("\r\n", "\n").split("\n")
    return printable("\n".join(line.rpartition("\r")[2] for line in lines))[-limit:]


def last_words(path: Path) -> str:
    """Return how a log ended: the error of its last traceback, else its last non-empty line."""
    lines = tail(path).splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip() == TRACEBACK]
    if starts:
        # The frames of a traceback are indented; the error itself is not.
        for line in lines[starts[-1] + 1 :]:
            if line[:1].strip():
                return one_line(line)
    for line in reversed(lines):
        if line.strip():
            return one_line(line)
    return ""


def _end_of(path: Path, size: int) -> tuple[str, bool]:
    """Return the last `size` bytes of a file as raw text, and whether more stands before them."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - size)
            file.seek(start)
            return file.read(size).decode("utf-8", "replace"), start > 0
    except FileNotFoundError:
        return "", False


def _is_piled(text: str, runs: re.Pattern[str]) -> bool:
    return any(all(map(unicodedata.combining, run[0])) for run in runs.finditer(text))


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        hidden = not character.isprintable() or character in _BLANK or marks > MAX_MARKS
        yield _escaped(character) if hidden and character not in "\n\t" else character


def _escaped(character: str) -> str:
    """Return a character as Python writes it: without a codec, which is a file to be loaded."""
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
