"""Tier M: macOS Seatbelt, through sandbox-exec; not run on a Mac yet.

Written from documentation and published profiles. sandbox-exec is marked as deprecated by Apple
and is what browsers and package managers still confine programs with. The profile denies by
default. There is no namespace and no subreaper: the tree is found by parent and process group in
`ps`, so a process that left both before it was looked at survives, and memory is what `ps` says.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from sandbox.ground.agreed import agreed
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.limits import ps
from sandbox.limits.launch import Launch
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
(allow mach-lookup (global-name "com.apple.SystemConfiguration.configd"))
(allow mach-lookup (global-name "com.apple.trustd.agent"))
(allow file-read* (subpath "/private/etc"))
"""


def profile(spec: RunSpec, interpreters: tuple[str, ...]) -> str:
    """Return the Seatbelt profile of `spec`.

    What it does not name is denied, the network and every other file among it. Of the rules that
    fit, the last one decides.
    """
    shown = [agreed(path) for path in spec.read_only if Path(path).exists()]
    readable = [*SYSTEM, *COMPILERS, spec.folder, *shown, *files()]
    for program in interpreters:
        readable += mounts.interpreter_paths(program)
    rules = [BASE]
    if spec.gpus:
        rules.append(METAL)
    for path in sorted({os.path.realpath(path) for path in readable}):
        rules.append(_rule("allow process-exec file-read* file-map-executable", path))
    for path in DEVICES:
        rules.append(_rule("allow file-read* file-write-data", path, "literal"))
    scratch = os.path.realpath(spec.scratch)
    rules.append(_rule("allow file-read* file-write* process-exec file-map-executable", scratch))
    # DataLoader's workers use socket files there.
    rules.append(_rule("allow network-bind network-outbound network-inbound", scratch))
    hidden = locations(spec)
    for path in hidden:
        rules.append(_rule("deny file-read*", path))
    for path in (*spec.read_only, spec.folder, spec.scratch):
        real = os.path.realpath(path)
        if any(real.startswith(f"{place}/") for place in hidden):
            rules.append(_rule("allow file-read*", real))
    if spec.network:
        rules.append(NETWORK)
    return "".join(rules)


def _rule(what: str, path: str, kind: str = "subpath") -> str:
    return f"({what} ({kind} {_quoted(path)}))\n"


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Seatbelt(BackEnd):
    """Our launcher sets the limits, inside the profile."""

    tier: ClassVar[str] = "M"
    system: ClassVar[str] = "darwin"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[Launch]:
        """Yield the launch of `spec` under sandbox-exec; SandboxFault where there is none."""
        program = shutil.which("sandbox-exec")
        if sys.platform != "darwin" or program is None:
            raise SandboxFault("sandbox-exec is part of macOS, and this is not macOS")
        with plan.prepare(spec, walls="none") as prepared:
            wrapped = [program, "-p", profile(spec, (self.launcher, spec.argv[0]))]

            def argv(descriptor: int, _: int) -> list[str]:
                return [*wrapped, *command(self.launcher, descriptor)]

            yield Launch(
                start=lambda talking: Launcher.start(argv, prepared.environment, talking=talking),
                plan=prepared.plan,
                namespace=False,
                sweep=sweep,
            )


def sweep(leader: int) -> int:
    """Stop, then kill, the group of `leader` and its descendants; return how many there were."""
    rows = ps.tree(leader, ps.table())
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for row in rows:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(row.pid, number)
    return len(rows)
