"""Reads from the user's own settings, never from a repository's, who is told of runs.

flag --notify > variables > the file config.toml in the user's configuration folder
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated

import platformdirs
from pydantic import Field, ValidationError

from agent.errors import TrustFault, UsageFault, unknown
from agent.trackers.messages import OCCASIONS, Occasion
from sandbox.ground.record import Record

ADDRESSES = "AUTORESEARCH_NOTIFY"
"""Names the variable of Apprise's addresses, with spaces between."""
COMMAND = "AUTORESEARCH_NOTIFY_COMMAND"
NOBODY = "none"
MAX_BYTES = 1 << 16
MAX_ADDRESSES = 20
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH

Address = Annotated[str, Field(min_length=1, max_length=4096)]


class Targets(Record):
    """The recipients of messages, and the occasions."""

    command: str | None = None
    apprise: Annotated[tuple[Address, ...], Field(max_length=MAX_ADDRESSES)] = ()
    """Addresses."""
    events: tuple[Occasion, ...] = OCCASIONS
    typed: bool = False
    """Whether the command was typed, and so means the working folder's files."""


_SETTINGS = tuple(name for name in Targets.model_fields if name != "typed")


def config_file() -> Path:
    """Return the user's own file of settings; $XDG_CONFIG_HOME moves its folder."""
    return platformdirs.user_config_path("autoresearch") / "config.toml"


def targets_of(
    environment: Mapping[str, str], root: Path | None, typed: str | None = None
) -> Targets:
    """Return who is told. root: of the repository; typed: the command behind --notify.

    Raise UsageFault for settings that make no sense, TrustFault for a file that others could have
    written.
    """
    if typed == NOBODY:
        return Targets()
    targets = read_targets(config_file(), root)
    changes: dict[str, object] = {}
    if environment.get(ADDRESSES, "").strip():
        changes["apprise"] = tuple(environment[ADDRESSES].split())
    command = typed or environment.get(COMMAND, "").strip()
    if command:
        changes |= {"command": command, "typed": bool(typed)}
    if len(changes.get("apprise", ())) > MAX_ADDRESSES:  # type: ignore[arg-type]
        message = f"{ADDRESSES} has more than {MAX_ADDRESSES} addresses."
        raise UsageFault(message, f"unset {ADDRESSES}")
    return targets.model_copy(update=changes)


def read_targets(file: Path, root: Path | None) -> Targets:
    """Return the targets in the user's file; none without a file."""
    text = _text(file, root)
    edit = f"$EDITOR {quote(str(file))}"
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageFault(f"{file}: {error}", edit) from None
    for key in data:
        if key != "notify":
            raise UsageFault(f"{file}: {unknown('table', key, ['notify'])}", edit)
    table = data.get("notify", {})
    if not isinstance(table, dict):
        raise UsageFault(f"{file}: notify is a table: [notify]", edit)
    for key in table:
        if key not in _SETTINGS:
            raise UsageFault(f"{file}: {unknown('setting', key, _SETTINGS)}", edit)
    try:
        targets = Targets.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageFault(f"{file}: {where}: {first['msg']}", edit) from None
    if targets.apprise and file.stat().st_mode & OTHERS_READ:
        message = f"{file} holds addresses with their keys, and others can read it."
        raise TrustFault(message, f"chmod 600 {quote(str(file))}")
    return targets


def _text(file: Path, root: Path | None) -> str:
    """Return the text of the file, empty without one.

    Raise TrustFault for one that lies in the repository or that others could have written.
    """
    real = Path(os.path.realpath(file))
    try:
        status = real.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UsageFault(
            f"cannot read {file}: {error.strerror}", f"ls -l {quote(str(file))}"
        ) from None
    if root is not None and real.is_relative_to(root):
        message = f"{real} lies in the repository itself, which may not say who is told."
        raise TrustFault(message, "export XDG_CONFIG_HOME=~/.config")
    if status.st_uid != os.geteuid() or status.st_mode & OTHERS_WRITE:
        message = f"{real} can be written by others, and what it names is run."
        raise TrustFault(message, f"chown $USER {quote(str(real))}; chmod 600 {quote(str(real))}")
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        raise UsageFault(f"{real} is no file of settings.", f"ls -l {quote(str(real))}")
    try:
        return real.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageFault(f"cannot read {real}: {error}", f"ls -l {quote(str(real))}") from None
