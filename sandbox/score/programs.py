"""Where a training finds programs: its interpreter's, the system's, and tools of the user's."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from sandbox.ground.hints import TOML
from sandbox.ground.outcome import SEARCH_PATH, SYSTEM

NEEDED = {
    ".cargo/bin": (".cargo/bin", ".cargo/registry", ".rustup"),
    ".juliaup/bin": (".juliaup", ".julia"),
    ".asdf/shims": (".asdf",),
    ".local/share/mise/shims": (".local/share/mise",),
}
"""What the programs in a folder of a home read, where that is not the folder above them."""


def search_path(python: str, read_only: Sequence[str]) -> str:
    """Return where a run looks for programs: as its PATH.

    Beside its interpreter, then in the folders of this process's PATH that the run may read, and
    where the system keeps them.
    """
    visible = (*SYSTEM, *read_only)
    folders = [folder for folder in _own_path() if _is_in(folder, visible)]
    usual = SEARCH_PATH.split(":")
    # First of all the usual ones, in their usual order: what was found so far is still found there.
    return ":".join(dict.fromkeys((str(Path(python).parent), *usual, *folders)))


def outside(program: str) -> str:
    """Return where the user has a program that a run does not find, and what shows it; else ""."""
    path = shutil.which(program, path=":".join(_own_path()))
    if path is None:
        return ""
    names = ", ".join(f'"{name}"' for name in _needs(Path(path)))
    return f"; yours is {path}: read_only = [{names}] in {TOML} shows it"


def _needs(program: Path) -> tuple[str, ...]:
    """Return what a program of the user's may need to run, by paths as settings write them."""
    home = Path.home()
    folder = program.parent
    for name, needed in NEEDED.items():
        if folder == home / name:
            return tuple(f"~/{path}" for path in needed if (home / path).exists())
    real = program.resolve()
    prefix = real.parent.parent if real.parent.name == "bin" else real.parent
    shared = prefix in (home, home / ".local", Path("/"), Path("/opt"))
    paths = [real.parent if shared else prefix]
    if not folder.is_relative_to(paths[0]):
        paths.insert(0, folder)
    return tuple(map(_written, paths))


def _written(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _own_path() -> list[str]:
    """Return the absolute folders of this process's PATH."""
    folders = os.environ.get("PATH", "").split(":")
    return [folder for folder in folders if os.path.isabs(folder) and os.path.isdir(folder)]  # noqa: PTH112, PTH117


def _is_in(folder: str, places: Sequence[str]) -> bool:
    path = Path(os.path.normpath(folder))
    return any(path.is_relative_to(place) for place in places)
