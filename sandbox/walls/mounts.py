"""Lists what a run sees of the files: system folders, the interpreters, the paths of its spec."""

import functools
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Literal

from sandbox.ground.agreed import agreed
from sandbox.ground.devices import device_files
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import SYSTEM, RunSpec

SETTINGS = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "nsswitch.conf",
)
NETWORK = (
    "resolv.conf",
    "hosts",
    "host.conf",
    "gai.conf",
    "services",
    "protocols",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "ca-certificates",
    "ca-certificates.conf",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "pki/ca-trust/extracted",
    "crypto-policies",
)
"""What finding a host and checking its certificate reads in /etc; no private keys."""
HARDWARE = ("/sys/devices/system",)  # torch reads the processor's layout there
DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
PACKAGES = ("site-packages", "dist-packages")
PREFIX_PARTS = ("bin", "lib", "lib32", "lib64", "libexec", "include", "pyvenv.cfg")
"""What an installation prefix is bound for.

Never the prefix itself: with `~/bin/python` that would be the home folder.
"""
MAX_LINKS = 40
MAX_CONFIGURATION = 1 << 16
"""Characters of a pyvenv.cfg that are read."""


@dataclass(frozen=True)
class Bind:
    """Shows a path at another one."""

    source: str
    """The resolved path."""
    target: str
    kind: Literal["ro", "rw", "dev", "hidden"] = "ro"
    """"dev" is a device node; "hidden" puts something empty there instead."""


def binds(spec: RunSpec, interpreters: tuple[str, ...] = ()) -> tuple[Bind, ...]:
    """Return every bind of `spec`, parents before children.

    Raise FileNotFoundError, which names it, for a path of the spec that is missing; SandboxFault
    for one that leads elsewhere than when the user agreed to it.
    """
    own = (spec.python,) if spec.python else ()
    executables = (spec.argv[0], *own, *interpreters)
    machine = _machine(executables, bool(spec.gpus))
    for bind in machine:
        _refuse_turned(bind.source)
    shown = {bind.target: bind for bind in machine}
    if spec.network:
        shown |= {bind.target: bind for bind in _network()}
    folders = () if spec.folder_is_writable else (spec.folder,)
    for path in (*spec.read_only, *folders):
        shown[path] = Bind(agreed(path), path)
    shown[spec.scratch] = Bind(str(Path(spec.scratch).resolve(strict=True)), spec.scratch, "rw")
    # Looked for each time: CUDA's appear when it is first used.
    shown |= {node.target: node for node in device_nodes(spec)}
    return tuple(sorted(shown.values(), key=_depth))


def layers(binds: tuple[Bind, ...], masks: tuple[Bind, ...]) -> tuple[Bind, ...]:
    """Return `binds` with `masks` over them, parents before children.

    Binds that another one shows already are left out.
    """
    needed = [bind for bind in binds if not _is_shown_by_another(bind, binds, masks)]
    return tuple(sorted([*needed, *masks], key=_depth))


def _is_shown_by_another(bind: Bind, binds: tuple[Bind, ...], masks: tuple[Bind, ...]) -> bool:
    return any(_shows(other, bind) and not _mask_between(other, bind, masks) for other in binds)


def _depth(bind: Bind) -> list[str]:
    return os.path.normpath(bind.target).split("/")


def _mask_between(outer: Bind, inner: Bind, masks: tuple[Bind, ...]) -> bool:
    """Return whether one of `masks` hides `inner` where `outer` would show it."""
    between = [mask.target for mask in masks if inner.target.startswith(f"{mask.target}/")]
    return any(target.startswith(f"{outer.target}/") for target in between)


# Cached: none of it moves while the harness runs, and looking takes milliseconds at each start.
@functools.cache
def _machine(executables: tuple[str, ...], gpus: bool) -> tuple[Bind, ...]:
    """Return what every run sees of the machine: system, settings, and these interpreters."""
    system = [path for path in SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()]
    wanted = [*HARDWARE, *(f"/etc/{name}" for name in SETTINGS)]
    if gpus:
        wanted.append("/sys")
    for executable in executables:
        wanted += interpreter_paths(executable)
    present = [path for path in wanted if Path(path).exists() and path not in SYSTEM]
    return tuple(Bind(os.path.realpath(path), path) for path in (*system, *present))


def _refuse_turned(source: str) -> None:
    """Raise SandboxFault if a part of an environment has become a link since it was looked at.

    It may lie in a repository, which a `git pull` changes while a run goes on.
    """
    if source.startswith(tuple(f"{folder}/" for folder in SYSTEM)):
        return
    real = os.path.realpath(source)
    if real != source:
        message = f"{source} leads to {real} now; when this session began it was no link"
        raise SandboxFault(message, f"ls -ld {quote(source)}   # then: autoresearch resume")


@functools.cache
def _network() -> tuple[Bind, ...]:
    """Return what a run with a network sees besides, to find hosts and to check certificates."""
    paths = [f"/etc/{name}" for name in NETWORK]
    return tuple(Bind(os.path.realpath(path), path) for path in paths if Path(path).exists())


@functools.cache
def links() -> tuple[tuple[str, str], ...]:
    """Return (path, text) of the new root's symbolic links: a merged /usr's, and /dev's."""
    merged = tuple((path, str(Path(path).readlink())) for path in SYSTEM if Path(path).is_symlink())
    return (*merged, *DEVICE_LINKS)


def device_nodes(spec: RunSpec) -> tuple[Bind, ...]:
    """Return the harmless device nodes, and those of the run's own accelerators.

    The latter are from documentation: not run on such a machine.
    """
    nodes = [*(f"/dev/{name}" for name in DEVICES), *device_files(spec.gpus)]
    return tuple(Bind(node, node, "dev") for node in nodes if Path(node).exists())


@functools.cache  # tier M asks at each start
def interpreter_paths(executable: str) -> tuple[str, ...]:
    """Return the parts of each prefix on the way from `executable` to the real program.

    The way leads through its links (venv, pyenv, uv, conda).
    """
    paths: list[str] = []
    step = Path(executable)
    for _ in range(MAX_LINKS):
        parts = _parts_of_prefix(step.parent.parent)
        parts += _parts_of_prefix(step.parent.resolve().parent)
        venv = read_venv(step.parent.parent)
        if venv:  # its program may be a copy, which no link leads from
            parts += _parts_of_prefix(Path(venv.home).parent)
            parts += _parts_of_prefix(Path(venv.home).resolve().parent)
        paths += parts or [str(step)]
        if not step.is_symlink():
            break
        step = Path(os.path.normpath(step.parent / step.readlink()))
    return tuple(dict.fromkeys(paths))


@dataclass(frozen=True)
class Venv:
    """What a virtual environment says of itself."""

    home: str
    """The folder of the program that it is made of."""
    version: str
    """Such as `3.12.1`; empty where it does not say."""
    sees_system: bool
    """Whether it has the packages of that program, too."""


def read_venv(prefix: Path) -> Venv | None:
    """Return what `prefix`/pyvenv.cfg says; None where it is no virtual environment."""
    path = prefix / "pyvenv.cfg"
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(MAX_CONFIGURATION).splitlines()
    except OSError:
        return None
    values = {}
    for line in lines:
        key, _, value = line.partition("=")
        values[key.strip().lower()] = value.strip()
    if not values.get("home", "").startswith("/"):
        return None
    version = re.match(r"\d+\.\d+(\.\d+)?", values.get("version") or values.get("version_info", ""))
    sees_system = values.get("include-system-site-packages", "").lower() == "true"
    return Venv(values["home"], version[0] if version else "", sees_system)


def package_folders(prefix: Path) -> tuple[str, ...]:
    """Return where the packages of an environment lie; the system's too if it sees them."""
    folders: list[Path] = []
    for name in PACKAGES:
        folders += sorted(prefix.glob(f"lib/python3*/{name}"))
        if prefix == Path("/usr"):  # where Debian's pip installs
            folders += sorted(prefix.glob(f"local/lib/python3*/{name}"))
    venv = read_venv(prefix)
    if venv and venv.sees_system:
        folders += sorted(Path("/usr/lib/python3").glob("dist-packages"))
    return tuple(map(str, folders))


def _parts_of_prefix(prefix: Path) -> list[str]:
    """Return what an installation prefix is bound for; nothing where it is none."""
    if not any((prefix / "lib").glob("python3*")):
        return []
    return [str(prefix / part) for part in PREFIX_PARTS if (prefix / part).exists()]


def launcher_interpreter() -> str:
    """Return the interpreter of the launcher: the harness's own, without a virtual environment."""
    return getattr(sys, "_base_executable", sys.executable) or sys.executable


def _shows(outer: Bind, inner: Bind) -> bool:
    """Return whether `outer` shows `inner` already, at the same place and with the same rights."""
    inside = f"{outer.target}/"
    if outer.kind != "ro" or inner.kind != "ro" or not inner.target.startswith(inside):
        return False
    return inner.source == f"{outer.source}/{inner.target.removeprefix(inside)}"
