"""What a run sees of the file system: an allowlist of system folders, the interpreters, and the paths of its RunSpec."""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox.outcome import RunSpec

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf")
HARDWARE = ("/sys/devices/system",)  # torch reads the processor's layout there
DEVICES = ("null", "zero", "full", "random", "urandom")
GPU_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
DEVICE_LINKS = (("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
                ("/dev/stderr", "/proc/self/fd/2"))  # fmt: skip
PREFIX_PARTS = ("bin", "lib", "lib32", "lib64", "libexec", "include", "pyvenv.cfg")
"""What an installation prefix is bound for. Never the prefix itself: with `~/bin/python` that would be the home folder."""
MAX_LINKS = 40


@dataclass(frozen=True)
class Bind:
    """Shows the resolved path `source` at `target`; "dev" is a device node."""

    source: str
    target: str
    kind: Literal["ro", "rw", "dev"] = "ro"


def binds(spec: RunSpec, interpreters: tuple[str, ...] = ()) -> tuple[Bind, ...]:
    """Every bind of `spec`, parents before children; FileNotFoundError names a path of the spec that is missing."""
    found = {bind.target: bind for bind in _machine((spec.argv[0], *interpreters), bool(spec.gpus))}
    for path in (*spec.read_only, spec.folder):
        found[path] = Bind(str(Path(path).resolve(strict=True)), path)
    found[spec.scratch] = Bind(str(Path(spec.scratch).resolve(strict=True)), spec.scratch, "rw")
    found |= {node.target: node for node in device_nodes(spec)}  # looked for each time: CUDA's appear when it is first used
    ordered = sorted(found.values(), key=lambda b: b.target.split("/"))
    return tuple(b for b in ordered if not any(_shows(other, b) for other in ordered))


@functools.cache  # none of it moves while the harness runs, and looking takes milliseconds at each start
def _machine(executables: tuple[str, ...], gpus: bool) -> tuple[Bind, ...]:
    """What a run sees of the machine whatever else it is for: its system, its settings and these interpreters."""
    found = [Bind(os.path.realpath(path), path) for path in SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()]
    wanted = [*HARDWARE, *(f"/etc/{name}" for name in SETTINGS), *(["/sys"] if gpus else [])]
    wanted += [path for executable in executables for path in interpreter_paths(executable)]
    found += [Bind(os.path.realpath(path), path) for path in wanted if Path(path).exists() and path not in SYSTEM]
    return tuple(found)


@functools.cache
def links() -> tuple[tuple[str, str], ...]:
    """(path, text) of the symbolic links of the new root: a merged /usr's, and /dev's."""
    merged = tuple((path, str(Path(path).readlink())) for path in SYSTEM if Path(path).is_symlink())
    return (*merged, *DEVICE_LINKS)


def device_nodes(spec: RunSpec) -> tuple[Bind, ...]:
    """The harmless device nodes, and those of the run's own NVIDIA GPUs (from documentation: not run on such a machine)."""
    gpus = (*(f"nvidia{index}" for index in spec.gpus), *GPU_DEVICES) if spec.gpus else ()
    nodes = [f"/dev/{name}" for name in (*DEVICES, *gpus)]
    return tuple(Bind(node, node, "dev") for node in nodes if Path(node).exists())


@functools.cache  # tier M asks at each start
def interpreter_paths(executable: str) -> tuple[str, ...]:
    """The parts of each prefix on the way from `executable` through its links (venv, pyenv, uv, conda) to the real program."""
    paths: list[str] = []
    step = Path(executable)
    for _ in range(MAX_LINKS):
        prefixes = [p for p in (step.parent.parent, step.parent.resolve().parent) if any((p / "lib").glob("python3*"))]
        paths += [str(prefix / part) for prefix in prefixes for part in PREFIX_PARTS if (prefix / part).exists()]
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
