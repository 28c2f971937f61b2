"""The variables of the user's environment that a project has handed on to its trainings."""

import re
from collections.abc import Mapping, Sequence
from shlex import quote

from agent.errors import UsageFault
from sandbox.ground.redaction import SECRET_NAME, conceal, looks_secret

MAX_NAME = 200
MAX_VALUE = 1 << 16
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_BY_US = re.compile(
    r"AUTORESEARCH_.*|PATH|HOME|USER|LOGNAME|TMPDIR|XDG_CACHE_HOME|PYTHONPATH|PYTHONHOME"
    r"|PYTHONSTARTUP|LD_.*|DYLD_.*|CUDA_VISIBLE_DEVICES"
)


def fault_of_variable(name: str) -> str | None:
    """Return why a variable of this name is never handed on, or None."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        return "that is no name of a variable; write names only, no values"
    if SECRET_NAME.search(name):
        return "its name looks like a secret's, and a training must never see one"
    if _SET_BY_US.fullmatch(name):
        return "every run gets its own"
    return None


def handed_on(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of these variables, which are concealed in all that is recorded from now.

    Raise UsageFault where one is not set here, or has a value that looks like a secret.
    """
    values = {}
    for name in names:
        if name not in environment:
            raise UsageFault(
                f"autoresearch.toml: environment: {name} is not set here.",
                f"export {quote(name)}=…   # or take it out of autoresearch.toml",
            )
        values[name] = environment[name]
    for name, value in values.items():
        if "\0" in value or len(value) > MAX_VALUE or looks_secret(value):
            raise UsageFault(
                f"autoresearch.toml: environment: the value of {name} looks like a secret's, "
                "and a training must never see one.",
                "$EDITOR autoresearch.toml   # environment = […], without it",
            )
    conceal(values)
    return values
