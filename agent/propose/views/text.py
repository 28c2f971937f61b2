"""Text of others on its way into a prompt: printable, in one line or between fences that it cannot close."""

import re

from sandbox.ground.redaction import redacted


def fenced(text: str, language: str = "", limit: int | None = None) -> str:
    """`text` between fences that it cannot close itself, without control characters and secrets, cut at `limit` characters."""
    clean = _printable(redacted(text))
    if limit is not None and len(clean) > limit:
        clean = f"{clean[:limit]}\n[cut: {len(clean) - limit} more characters]"
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{clean}\n{fence}"


def one_line(text: str, limit: int) -> str:
    """`text` in one printable line of at most `limit` characters."""
    line = " ".join(_printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _printable(text: str) -> str:
    """Control characters (but newline and tab) written as escapes: they could hide text from the human who reads along."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )
