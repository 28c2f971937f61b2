"""Where the paths that a user agreed to led then: a link may lead elsewhere in a later trial."""

import os
from pathlib import Path
from shlex import quote

from sandbox.ground.fault import SandboxFault

_agreed: dict[str, str] = {}
"""By path, in this process."""


def agree(path: str, leads_to: str) -> None:
    """Show `path` from now on only while it leads to this place."""
    _agreed[path] = leads_to


def agreed(path: str) -> str:
    """Return where a path leads. Raise FileNotFoundError for one that is missing.

    Raise SandboxFault if it led elsewhere when the user agreed to it.
    """
    real = str(Path(path).resolve(strict=True))
    before = _agreed.get(path, real)
    if os.path.normpath(before) != real:
        message = f"{path} leads to {real} now; when this was agreed to it led to {before}"
        raise SandboxFault(message, f"ls -ld {quote(path)}   # `autoresearch resume` asks again")
    return real
