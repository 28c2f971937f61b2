"""Builds the surroundings of a training: command, variables, home, and linked data."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.links import link_above
from sandbox.ground.pointers import is_pointer
from sandbox.score.programs import outside

PYTHON = ("python", "python3")
"""Names that mean the interpreter of the trainings, wherever a command has one as its program."""

NO_PROGRAM = "there is no program"


class NoProgram(Exception):
    """A command's program is not there; the message says where it was looked for."""


def argv_of(
    command: Sequence[str], python: str, folder: str, checkout: str | None, places: str
) -> tuple[str, ...]:
    """Return the command line of `command`, started in `folder`, without a shell.

    `python` is the interpreter of the trainings; other names are looked for in `places`, a search
    path. A path is taken from the folder, and where it means a program beside the interpreter in
    the checkout, from there. Raise NoProgram.
    """
    program, *arguments = command
    if program in PYTHON:
        return (python, *arguments)
    if "/" in program:
        path = os.path.abspath(os.path.join(folder, program))  # noqa: PTH100, PTH118
        own = os.path.abspath(os.path.join(checkout or folder, program))  # noqa: PTH100, PTH118
        if Path(own).parent == Path(python).parent:
            path = own
        if not Path(path).is_file():
            raise NoProgram(f"there is no {program} in the files of a trial")
        if not os.access(path, os.X_OK):
            raise NoProgram(f"{program} is not executable: chmod +x {shlex.quote(program)}")
        return (path, *arguments)
    program_path = shutil.which(program, path=places)
    if program_path is None:
        raise NoProgram(f"{NO_PROGRAM} {program!r} in {places}{outside(program)}")
    return (program_path, *arguments)


def place_data(copy: Path, checkout: Path, read_only: Sequence[str]) -> None:
    """Link readable paths of the checkout into its copy, at the same places.

    Where the copy has a folder of this name already, what lies in the folder is linked; a pointer
    of Git LFS gives way to the contents. What would lie behind a link of the commit's is left out.
    Raise SandboxFault where no link can be made.
    """
    for path in read_only:
        source = Path(os.path.abspath(path))  # noqa: PTH100  links stay as they are
        if source != checkout and source.is_relative_to(checkout):
            name = source.relative_to(checkout)
            if link_above(copy, str(name)):
                continue
            try:
                _link(source, copy / name)
            except OSError as error:
                raise SandboxFault(
                    f"cannot link {source} into {copy}: {error}", "df -h ."
                ) from error


def _link(source: Path, target: Path) -> None:
    if not source.exists():
        return
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
        return
    if is_pointer(target) and source.is_file() and not is_pointer(source):
        target.unlink()
        target.symlink_to(source)
        return
    if target.is_symlink() or not target.is_dir() or not source.is_dir():
        return
    for entry in source.iterdir():
        _link(entry, target / entry.name)


def home_in(scratch: Path, read_only: Sequence[str], own: str | None = None) -> str:
    """Make a home in `scratch` whose `~/.cache/…` leads to what the user allowed to be read.

    own: the user's home; default: this process's.
    """
    home = scratch / "home"
    real = Path(own) if own else Path.home()
    home.mkdir()
    # abspath, unlike resolve, leaves links as they are.
    allowed = sorted({Path(os.path.abspath(path)) for path in read_only})  # noqa: PTH100
    for path in allowed:
        inside = path.is_relative_to(real) and path != real
        seen_through_another = any(other in path.parents for other in allowed)
        if inside and not seen_through_another:
            link = home / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return str(home)
