"""Makes foreign text safe for commit messages, and reads no record that is a bomb."""

import json
import re
from typing import Any

from agent.records.bounded import finite
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line, printable

MAX_SUBJECT = 120
MAX_LINE = 400
MAX_BODY = 2_000
# A line that git and we would read as the machine's part.
TRAILER = re.compile(r"([A-Z][A-Za-z-]*): (.*)")


def parsed(text: str) -> Any:
    """Return a record's JSON. Raise ValueError or RecursionError if it is none, or has no end."""
    return json.loads(finite(text))


def subject_of(text: str) -> str:
    """Return `text` as a commit's subject: one printable line of at most MAX_SUBJECT."""
    return one_line(text, MAX_SUBJECT)


def line_of(text: str) -> str:
    """Return `text` as one line of a commit's body, at most MAX_LINE, without secrets."""
    return prose(one_line(text, MAX_LINE))


def body_of(text: str) -> str:
    """Return the first MAX_BODY characters of `text` for a commit's body, without secrets."""
    return prose(redacted(text)[:MAX_BODY])


def prose(text: str) -> str:
    """Return foreign text with every line changed that would be read as a trailer."""
    return "\n".join(_harmless(line) for line in text.splitlines()).strip("\n")


def _harmless(line: str) -> str:
    """Return a line, indented if it looks like a trailer or like the end of a message."""
    clean = printable(line).rstrip()
    if TRAILER.match(clean) or clean.startswith("---"):
        return f"  {clean}"
    return clean
