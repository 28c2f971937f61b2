"""Format 2 of the ledger: the machine's part of a commit message is one JSON trailer.

docs/ledger.md describes it field by field.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.history.text import parsed

FORMAT = 2
"""The version in a run's first commit."""
NAME = "Autoresearch"
FIRST_COMMIT = f'^{NAME}: {{"record": "run", '
"""Pattern (basic) of the line that marks the first commit of a run, in every version from 2 on."""
_START = f"{NAME}: {{"


def write(subject: str, lines: Sequence[str], record: str, fields: Mapping[str, Any]) -> str:
    """Return a commit message: a subject and lines for a human, then the record on one line."""
    trailer = f"{NAME}: {json.dumps({'record': record, **fields})}"
    body = "\n".join(line for line in lines if line.strip())
    return "\n\n".join(part for part in (subject, body, trailer) if part) + "\n"


def read(message: str) -> dict[str, Any] | None:
    """Return the record in a message, or None. Raise ValueError for an incomplete one."""
    paragraph = message.rstrip("\n").rpartition("\n\n")[2]
    lines = [line for line in paragraph.split("\n") if line.startswith(_START)]
    if not lines:
        return None
    if len(lines) > 1:
        raise ValueError("it has two records")
    try:
        fields = parsed(lines[0].removeprefix(f"{NAME}: "))
    except (ValueError, RecursionError):
        raise ValueError("its record is torn") from None
    if not isinstance(fields.get("record"), str):
        raise ValueError("its record does not say what it is")
    return dict(fields)
