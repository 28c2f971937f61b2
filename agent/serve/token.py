"""The token of an HTTP server: from a file, from the environment, or a new one."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from agent.errors import UsageFault
from agent.git.home import no_link

MCP = "AUTORESEARCH_MCP_TOKEN"
CONTROL = "AUTORESEARCH_CONTROL_TOKEN"
LEAST = 24
"""The fewest characters of a token; a shorter one could be guessed."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token_of(file: Path | None, environment: Mapping[str, str], variable: str) -> tuple[str, bool]:
    """Return the token, and whether it is a new one that must be shown to the user.

    variable: the one that may hold it. A file that is missing is made, for its owner only. Raise
    UsageFault for a token that is short, and for a file that others may read.
    """
    if file is not None:
        return _from_file(file), False
    given = environment.get(variable)
    if given:
        return _checked(given, variable), False
    return secrets.token_urlsafe(LEAST), True


def _from_file(file: Path) -> str:
    try:
        with open(file, "x", encoding="utf-8", opener=_for_owner) as new:
            token = secrets.token_urlsafe(LEAST)
            new.write(f"{token}\n")
            return token
    except FileExistsError:
        pass
    except OSError as error:
        raise UsageFault(f"Cannot write the token to {file}: {error.strerror}.") from None
    try:
        with open(file, encoding="utf-8", opener=no_link) as existing:
            mode = os.fstat(existing.fileno()).st_mode
            text = existing.read(4096)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"Cannot read a token from {file}: {error}.") from None
    if mode & OTHERS:
        raise UsageFault(
            f"{file} may be read by other users of this machine.", f"chmod 600 {quote(str(file))}"
        )
    return _checked(text.strip(), str(file))


def _for_owner(path: str, flags: int) -> int:
    return no_link(path, flags, 0o600)


def _checked(token: str, where: str) -> str:
    if len(token) < LEAST or not token.isascii() or any(map(str.isspace, token)):
        raise UsageFault(
            f"The token in {where} must be at least {LEAST} plain characters without spaces.",
            "head -c 24 /dev/urandom | base64   # a good one",
        )
    return token
