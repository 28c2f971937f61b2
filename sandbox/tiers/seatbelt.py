"""Tier M: macOS Seatbelt, through sandbox-exec. Written from documentation and published profiles; not run on a Mac yet.

sandbox-exec is marked as deprecated by Apple and is what browsers and package managers still confine programs with. The
profile denies by default. There is no namespace and no subreaper: the tree is found by parent and process group in `ps`, so a
process that left both before it was looked at survives, and memory is what `ps` says.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.limits import ps, supervise
from sandbox.tiers.backend import BackEnd
from sandbox.walls import mounts, plan
from sandbox.walls.hidden import locations
from sandbox.walls.launcher import Launcher, command, files

SYSTEM = (
    "/System",
    "/Library/Frameworks",
    "/Library/Apple",
    "/usr/lib",
    "/usr/share",
    "/usr/bin",
    "/bin",
    "/private/var/db/timezone",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper")
COMPILERS = ("/Library/Developer/CommandLineTools", "/Applications/Xcode.app/Contents/Developer")
BASE = """(version 1)
(deny default)
(allow process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow ipc-posix-sem)
(allow ipc-posix-shm)
(allow file-read-metadata)
"""
METAL = """(allow iokit-open)
(allow mach-lookup (global-name "com.apple.MTLCompilerService"))
"""
NETWORK = """(allow network*)
(allow system-socket)
(allow mach-lookup (global-name "com.apple.SystemConfiguration.configd") (global-name "com.apple.trustd.agent"))
(allow file-read* (subpath "/private/etc"))
"""


def profile(spec: RunSpec, interpreters: tuple[str, ...]) -> str:
    """The Seatbelt profile of `spec`: what is not named here is denied, the network and every other file among it."""
    readable = [*SYSTEM, *COMPILERS, spec.folder, *spec.read_only, *files()]
    readable += [path for program in interpreters for path in mounts.interpreter_paths(program)]
    paths = sorted({os.path.realpath(path) for path in readable})
    programs = "".join(
        f"(allow process-exec file-read* file-map-executable (subpath {_quoted(path)}))\n"
        for path in paths
    )
    devices = "".join(
        f"(allow file-read* file-write-data (literal {_quoted(path)}))\n" for path in DEVICES
    )
    scratch = _quoted(os.path.realpath(spec.scratch))
    writable = (
        f"(allow file-read* file-write* process-exec file-map-executable (subpath {scratch}))\n"
    )
    workers = f"(allow network-bind network-outbound network-inbound (subpath {scratch}))\n"  # DataLoader's socket files
    hidden = "".join(f"(deny file-read* (subpath {_quoted(path)}))\n" for path in locations(spec))
    again = [
        path
        for path in (*spec.read_only, spec.folder, spec.scratch)
        if _is_hidden(os.path.realpath(path), spec)
    ]
    shown = "".join(
        f"(allow file-read* (subpath {_quoted(os.path.realpath(path))}))\n" for path in again
    )
    rules = (
        programs + devices + writable + workers + hidden + shown
    )  # the last one that fits decides
    return BASE + (METAL if spec.gpus else "") + rules + (NETWORK if spec.network else "")


def _is_hidden(path: str, spec: RunSpec) -> bool:
    return any(path.startswith(f"{place}/") for place in locations(spec))


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Seatbelt(BackEnd):
    """Our launcher sets the limits, inside the profile."""

    tier: ClassVar[str] = "M"
    system: ClassVar[str] = "darwin"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        program = shutil.which("sandbox-exec")
        if sys.platform != "darwin" or program is None:
            raise SandboxFault("sandbox-exec is part of macOS, and this is not macOS")
        with plan.prepare(spec, walls="none") as prepared:
            text = profile(spec, (self.launcher, spec.argv[0]))

            def start(talking: bool) -> Launcher:
                wrapped = [program, "-p", text]
                return Launcher.start(
                    lambda descriptor, _: [*wrapped, *command(self.launcher, descriptor)],
                    prepared.environment,
                    talking=talking,
                )

            yield supervise.Launch(
                start=start,
                plan=prepared.plan,
                namespace=False,
                sweep=sweep,
            )


def sweep(leader: int) -> int:
    """Stop, then kill, the group of `leader` and what descends from it; returns how many there were."""
    found = ps.tree(leader, ps.table())
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for row in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(row.pid, number)
    return len(found)
