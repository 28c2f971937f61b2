"""Keeps what is written into a copy of a project in the copy: its commit may hold links."""

from pathlib import Path

from sandbox.ground.fault import SandboxFault


def link_above(folder: Path, name: str) -> Path | None:
    """Return the first symbolic link among the folders between `folder` and `name` in it, or None.

    Only for a copy in which nothing runs yet: a program could put a link there at any time.
    """
    here = folder
    for part in Path(name).parts[:-1]:
        here = here / part
        if here.is_symlink():
            return here
    return None


def refuse_link_above(folder: Path, name: str) -> None:
    """Raise SandboxFault where `name` in a copy of a project lies behind a link."""
    link = link_above(folder, name)
    if link is not None:
        own = link.relative_to(folder)
        message = f"{name} cannot be written: {own} is a symbolic link of the project's"
        raise SandboxFault(message, "$EDITOR autoresearch.toml   # name a path behind no link")
