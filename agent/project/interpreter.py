"""Finds the Python that trainings run on: the project's own where it has one, else the harness's.

It is found by reading files. Nothing of the project's is started outside a sandbox.
"""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from shlex import quote
from typing import Literal

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.settings import FILE, Settings
from sandbox.ground.plain_files import exists, is_folder
from sandbox.ground.record import Record
from sandbox.walls.mounts import PACKAGES, interpreter_paths, package_folders, read_venv

OWN_FOLDERS = (".venv", "venv")
"""Where a project keeps its environment."""
ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")
"""What names an environment that the user has activated."""
CONDA_BASE = "base"
"""The environment that conda activates by itself."""
MAX_PATHS = 1 << 16
"""Bytes of a file of paths that are read."""
MAPPED = re.compile(r"""'(/[^'\\\n]+)'""")
"""A literal path in what an installer of editable packages writes."""
PROGRAM = re.compile(r"(python|pypy)[0-9.]*t?d?")
ELF = b"\x7fELF"
OLDEST = (3, 9)
"""What the sandbox's own probe is written for."""
Origin = Literal["settings", "project", "active", "harness"]
IN_WORDS: dict[Origin, str] = {
    "settings": f"python in {FILE}",
    "project": "the project's own",
    "active": "the active environment",
    "harness": "that of autoresearch itself",
}


class Interpreter(Record):
    """The Python of a project's trainings."""

    path: str
    """Absolute, as it is started: links on the way to it are what makes an environment."""
    version: str
    """Such as `3.12.1`; empty where no file says it."""
    origin: Origin
    leads_to: str
    """The program itself, behind all links."""
    binds: tuple[str, ...]
    """What a sandbox shows of the environment and of the Python that it is made of."""
    packages: tuple[str, ...] = ()
    """The folders of its installed packages."""
    sources: tuple[str, ...] = ()
    """Folders outside of those that packages are imported from: installed as editable."""

    @property
    def is_own(self) -> bool:
        """Whether the project has it for itself, and the harness another one."""
        return self.origin != "harness"

    @property
    def label(self) -> str:
        """The interpreter and where it was found, in one line."""
        version = f" ({self.version})" if self.version else ""
        base = "" if self.leads_to == self.path else f", which is {self.leads_to}"
        return f"{self.path}{version}, {IN_WORDS[self.origin]}{base}"

    def has(self, package: str) -> bool:
        """Return whether a package lies among those that are installed for it."""
        names = (package, f"{package}.py")
        places = product(self.packages, names)
        return any(exists(Path(folder, name)) for folder, name in places)

    def inside(self, checkout: Path) -> tuple[str, ...]:
        """Return which of `sources` lie in a checkout, by their paths in it.

        A trial imports these packages from its own copy.
        """
        paths = [Path(source) for source in self.sources]
        places = [path.relative_to(checkout) for path in paths if path.is_relative_to(checkout)]
        return tuple(str(path) for path in places)


def interpreter_of(
    project: Project, settings: Settings, environment: Mapping[str, str] | None = None
) -> Interpreter:
    """Return the interpreter of a project's trainings.

    It is the one that the settings name; else that of an environment in the project; else that of
    the environment which is active, conda's base aside; else the harness's own. environment: by
    default this process's. Raise ProjectFault, with what mends it, for one that is broken.
    """
    place = Path(project.root) / project.base
    if settings.python:
        return _checked(_named(settings.python, place), "settings", project)
    for folder in dict.fromkeys((place, Path(project.root))):
        for name in OWN_FOLDERS:
            if (folder / name / "pyvenv.cfg").exists() or (folder / name / "conda-meta").is_dir():
                return _checked(folder / name / "bin/python", "project", project)
    prefix = _active(os.environ if environment is None else environment)
    if prefix and prefix.resolve() != Path(sys.prefix).resolve():
        return _checked(prefix / "bin/python", "active", project)
    return own_interpreter()


def own_interpreter() -> Interpreter:
    """Return the interpreter that runs the harness."""
    return Interpreter(
        path=sys.executable,
        version=platform.python_version(),
        origin="harness",
        leads_to=os.path.realpath(sys.executable),
        binds=interpreter_paths(sys.executable),
        packages=tuple(path for path in sys.path if Path(path).name in PACKAGES),
    )


def _named(name: str, place: Path) -> Path:
    """Return the path that a setting names: a program of the search path, or a file's own."""
    if "/" not in name:
        return Path(shutil.which(name) or name)
    # Links are kept: an environment's python is one.
    # A ~user that this machine lacks stays as it is, and is not there.
    return Path(os.path.abspath(place / os.path.expanduser(name)))  # noqa: PTH100, PTH111


def _active(environment: Mapping[str, str]) -> Path | None:
    for name in ACTIVE:
        value = environment.get(name)
        is_base = name == "CONDA_PREFIX" and environment.get("CONDA_DEFAULT_ENV") == CONDA_BASE
        if value and not is_base and (Path(value) / "bin/python").exists():
            return Path(value)
    return None


# ---------------------------------------------------------------- what it must be


def _checked(path: Path, origin: Origin, project: Project) -> Interpreter:
    """Return the interpreter at `path`; raise ProjectFault if it is none, or leads elsewhere."""
    repair = repair_of(path, origin, project)
    target = Path() if "\0" in str(path) else Path(os.path.realpath(path))
    if not target.is_file():
        leads = (
            f" leads to {target}, which does not exist" if path.is_symlink() else " is not there"
        )
        raise ProjectFault(f"The interpreter of the trainings, {path},{leads}.", repair)
    if not PROGRAM.fullmatch(target.name) or not _is_program(target):
        raise ProjectFault(
            f"The interpreter of the trainings, {path}, leads to {target}, "
            "which is no Python itself.",
            repair,
        )
    venv = read_venv(path.parent.parent)
    if venv and not is_folder(Path(venv.home)):
        message = f"The environment {path.parent.parent} is made of {venv.home}, which is gone."
        raise ProjectFault(message, repair)
    version = (venv.version if venv else "") or _version_of(target)
    if version and tuple(map(int, version.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ProjectFault(f"{path} is Python {version}; trainings need {oldest} or newer.", repair)
    binds = interpreter_paths(str(path))
    packages = package_folders(path.parent.parent)
    _refuse_detours(binds, repair)
    return Interpreter(
        path=str(path),
        version=version,
        origin=origin,
        leads_to=str(target),
        binds=binds,
        packages=packages,
        sources=tuple(dict.fromkeys(_sources(packages))),
    )


def repair_of(path: Path, origin: Origin, project: Project) -> str:
    """Return the command that most likely mends an environment."""
    if origin == "settings":
        file = Path(project.root) / project.base / FILE
        return f"$EDITOR {quote(str(file))}   # python = …"
    place = path.parent.parent.parent
    if origin == "project" and (place / "uv.lock").exists():
        return f"uv sync --directory {quote(str(place))}"
    if origin == "active":
        return "deactivate   # or activate one that is whole"
    return f"python3 -m venv --clear {quote(str(path.parent.parent))}   # and install its packages"


def _is_program(path: Path) -> bool:
    if sys.platform != "linux":
        return os.access(path, os.X_OK)
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF and os.access(path, os.X_OK)


def _refuse_detours(binds: tuple[str, ...], repair: str) -> None:
    """Raise ProjectFault where a part of an environment leads out of it.

    A repository may bring an environment of its own, whose links would show what no training may
    see.
    """
    prefixes = {os.path.realpath(Path(path).parent) for path in binds}
    for path in binds:
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(prefix) for prefix in prefixes):
            raise ProjectFault(f"{path} leads out of its environment, to {real}.", repair)


def _version_of(program: Path) -> str:
    """Return the version of an installation by its name: `python3.12`, or its library's folder."""
    for name in (program.name, *sorted(_libraries(program.parent.parent))):
        match = re.fullmatch(r"python(3\.\d+)t?", name)
        if match:
            return match[1]
    return ""


def _libraries(prefix: Path) -> Iterator[str]:
    for path in (prefix / "lib").glob("python3*"):
        yield path.name


def _sources(packages: tuple[str, ...]) -> Iterator[str]:
    """Yield the folders that packages installed as editable are imported from.

    A .pth file lists folders; where the installer maps names to folders instead, a module of its
    own has them as literals.
    """
    for folder in packages:
        for path in sorted(Path(folder).glob("*.pth")):
            for line in _start_of(path).splitlines():
                if line.startswith("/") and is_folder(Path(line.strip())):
                    yield line.strip()
        for path in sorted(Path(folder).glob("__editable__*.py")):
            for name in MAPPED.findall(_start_of(path)):
                if is_folder(Path(name)):
                    yield str(Path(name).parent)


def _start_of(path: Path) -> str:
    """Return the beginning of a file; "" for what is none: a pipe would be waited for."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_PATHS)
