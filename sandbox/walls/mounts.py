"""What a run sees of the file system: an allowlist of system folders, the interpreters, and the paths of its RunSpec."""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox.ground.devices import device_files
from sandbox.ground.outcome import RunSpec

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
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
PREFIX_PARTS = ("bin", "lib", "lib32", "lib64", "libexec", "include", "pyvenv.cfg")
"""What an installation prefix is bound for. Never the prefix itself: with `~/bin/python` that would be the home folder."""
MAX_LINKS = 40


@dataclass(frozen=True)
class Bind:
    """Shows the resolved path `source` at `target`; "dev" is a device node, "hidden" puts something empty there instead."""

    source: str
    target: str
    kind: Literal["ro", "rw", "dev", "hidden"] = "ro"


def binds(spec: RunSpec, interpreters: tuple[str, ...] = ()) -> tuple[Bind, ...]:
    """Every bind of `spec`, parents before children; FileNotFoundError names a path of the spec that is missing."""
    executables = (spec.argv[0], *interpreters)
    found = {bind.target: bind for bind in _machine(executables, bool(spec.gpus))}
    if spec.network:
        found |= {bind.target: bind for bind in _network()}
    for path in (*spec.read_only, spec.folder):
        found[path] = Bind(str(Path(path).resolve(strict=True)), path)
    found[spec.scratch] = Bind(str(Path(spec.scratch).resolve(strict=True)), spec.scratch, "rw")
    found |= {
        node.target: node for node in device_nodes(spec)
    }  # looked for each time: CUDA's appear when it is first used
    return tuple(sorted(found.values(), key=_depth))


def layers(binds: tuple[Bind, ...], masks: tuple[Bind, ...]) -> tuple[Bind, ...]:
    """Return `binds` with `masks` over them, parents before children, without those that another one shows already."""
    needed = [
        bind
        for bind in binds
        if not any(_shows(other, bind) and not _parts(other, bind, masks) for other in binds)
    ]
    return tuple(sorted([*needed, *masks], key=_depth))


def _depth(bind: Bind) -> list[str]:
    return os.path.normpath(bind.target).split("/")


def _parts(outer: Bind, inner: Bind, masks: tuple[Bind, ...]) -> bool:
    """Return whether one of `masks` hides `inner` where `outer` would show it."""
    between = [mask.target for mask in masks if inner.target.startswith(f"{mask.target}/")]
    return any(target.startswith(f"{outer.target}/") for target in between)


@functools.cache  # none of it moves while the harness runs, and looking takes milliseconds at each start
def _machine(executables: tuple[str, ...], gpus: bool) -> tuple[Bind, ...]:
    """What a run sees of the machine whatever else it is for: its system, its settings and these interpreters."""
    found = [
        Bind(os.path.realpath(path), path)
        for path in SYSTEM
        if Path(path).is_dir() and not Path(path).is_symlink()
    ]
    wanted = [*HARDWARE, *(f"/etc/{name}" for name in SETTINGS), *(["/sys"] if gpus else [])]
    wanted += [path for executable in executables for path in interpreter_paths(executable)]
    found += [
        Bind(os.path.realpath(path), path)
        for path in wanted
        if Path(path).exists() and path not in SYSTEM
    ]
    return tuple(found)


@functools.cache
def _network() -> tuple[Bind, ...]:
    """What a run with a network sees besides, to find hosts and to check certificates."""
    paths = [f"/etc/{name}" for name in NETWORK]
    return tuple(Bind(os.path.realpath(path), path) for path in paths if Path(path).exists())


@functools.cache
def links() -> tuple[tuple[str, str], ...]:
    """(path, text) of the symbolic links of the new root: a merged /usr's, and /dev's."""
    merged = tuple((path, str(Path(path).readlink())) for path in SYSTEM if Path(path).is_symlink())
    return (*merged, *DEVICE_LINKS)


def device_nodes(spec: RunSpec) -> tuple[Bind, ...]:
    """The harmless device nodes, and those of the run's own accelerators (from documentation: not run on such a machine)."""
    nodes = [*(f"/dev/{name}" for name in DEVICES), *device_files(spec.gpus)]
    return tuple(Bind(node, node, "dev") for node in nodes if Path(node).exists())


@functools.cache  # tier M asks at each start
def interpreter_paths(executable: str) -> tuple[str, ...]:
    """The parts of each prefix on the way from `executable` through its links (venv, pyenv, uv, conda) to the real program."""
    paths: list[str] = []
    step = Path(executable)
    for _ in range(MAX_LINKS):
        prefixes = [
            p
            for p in (step.parent.parent, step.parent.resolve().parent)
            if any((p / "lib").glob("python3*"))
        ]
        paths += [
            str(prefix / part)
            for prefix in prefixes
            for part in PREFIX_PARTS
            if (prefix / part).exists()
        ]
        if not prefixes:
            paths.append(str(step))
        if not step.is_symlink():
            break
        step = Path(os.path.normpath(step.parent / step.readlink()))
    return tuple(paths)


def launcher_interpreter() -> str:
    """The interpreter that starts the launcher: the harness's own, without a virtual environment around it."""
    return getattr(sys, "_base_executable", sys.executable) or sys.executable


def _shows(outer: Bind, inner: Bind) -> bool:
    """Whether `inner` is already visible through `outer`, at the same place and with the same rights."""
    inside = f"{outer.target}/"
    if outer.kind != "ro" or inner.kind != "ro" or not inner.target.startswith(inside):
        return False
    return inner.source == f"{outer.source}/{inner.target.removeprefix(inside)}"
