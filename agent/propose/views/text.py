"""Text of others in a prompt, between fences that it cannot close."""

import re

from sandbox.ground.redaction import redacted
from sandbox.ground.text import printable


def fenced(text: str, language: str = "", limit: int | None = None) -> str:
    """Return `text` between fences that it cannot close, printable and without secrets.

    limit: characters after which it is cut.
    """
    clean = printable(redacted(text))
    if limit is not None and len(clean) > limit:
        clean = f"{clean[:limit]}\n[cut: {len(clean) - limit} more characters]"
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{clean}\n{fence}"
